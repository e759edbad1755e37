// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch, BatchRef, Receipt, Window} from "./SettlementTypes.sol";

/// @title IReceiptVerifier
/// @notice For contracts that act on an answer: is this receipt attested, committed, final? None of these reverts on a
/// receipt or proof that is merely wrong: the answer is false.
interface IReceiptVerifier {
    /// @return leaf keccak256(keccak256(domain separator ‖ nine words)).
    function leafOf(Receipt calldata receipt) external view returns (bytes32 leaf);

    /// @notice Is the receipt under a window root that an enclave key signed which counts in this block?
    /// @param path From the leaf to the window's root, at most 40 hashes.
    /// @param signature 65 bytes, over the EIP-712 Window, by a key of the operator of the window's verifier.
    /// @return operator The operator that answers for the key; 0 when not attested.
    function attestedBy(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Window calldata window,
        bytes calldata signature
    ) external view returns (uint32 operator);

    /// @notice Is the receipt under a batch that its settler committed?
    /// @param path From the leaf to the batch's root, at most 40 hashes: the window's path, then the batch's.
    function isCommitted(
        Receipt calldata receipt,
        bytes32[] calldata path,
        BatchRef calldata ref
    ) external view returns (bool);

    /// @notice Is the receipt committed, its batch beyond the claim horizon, and no claim against the batch open?
    function isFinal(
        Receipt calldata receipt,
        bytes32[] calldata path,
        Batch calldata batch
    ) external view returns (bool);
}
