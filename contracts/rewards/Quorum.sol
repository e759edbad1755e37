// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";

/// @title Quorum
/// @notice Signatures of attested verifiers of distinct operators.
library Quorum {
    uint256 internal constant SIGNATURE_BYTES = 64;
    uint256 internal constant MAX_SIGNERS = 16;

    error Quorum_BadLength(uint256 bytes_);
    error Quorum_TooFew(uint256 signers, uint256 quorum);
    error Quorum_TooMany(uint256 signers, uint256 limit);
    /// @notice Thrown when a key is not attested, has run out or was revoked.
    error Quorum_SignerNotActive(address key);
    /// @notice Thrown when a signer is of the operator whose word the quorum checks.
    error Quorum_SignerExcluded(uint32 operator);
    /// @notice Thrown when signatures do not ascend by operator.
    error Quorum_NotDistinct(uint32 last, uint32 operator);

    /// @notice Reverts unless at least `quorum` operators signed, none of them `excluded`.
    /// @param signatures 64 bytes each (EIP-2098), in ascending order of their operators.
    function check(
        ITeeRegistry registry,
        bytes32 digest,
        bytes calldata signatures,
        uint256 quorum,
        uint32 excluded
    ) internal view {
        uint256 signers = signatures.length / SIGNATURE_BYTES;
        if (signatures.length % SIGNATURE_BYTES != 0) revert Quorum_BadLength(signatures.length);
        if (signers < quorum) revert Quorum_TooFew(signers, quorum);
        if (signers > MAX_SIGNERS) revert Quorum_TooMany(signers, MAX_SIGNERS);
        uint32 last;
        for (uint256 i; i < signers; ++i) {
            (bytes32 r, bytes32 vs) = abi.decode(signatures[64 * i:64 * i + 64], (bytes32, bytes32));
            (address key, , ) = ECDSA.tryRecover(digest, r, vs);
            uint32 operator = registry.activeOperator(key);
            if (operator == 0) revert Quorum_SignerNotActive(key);
            if (operator == excluded) revert Quorum_SignerExcluded(operator);
            if (operator <= last) revert Quorum_NotDistinct(last, operator);
            last = operator;
        }
    }
}
