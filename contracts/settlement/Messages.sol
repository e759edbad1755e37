// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {BatchBody, Commitment, Receipt, Request, Terms, Voucher, Window} from "./SettlementTypes.sol";

/// @title Messages
/// @notice Hashes of everything that is signed or proven: EIP-712 structs of the domain {name "OPG Settlement", version
/// "1", chain id, settlement contract}, and receipt leaves under the same domain.
library Messages {
    bytes32 internal constant TERMS_TYPEHASH = keccak256("Terms(address payer,address voucherKey,uint16 policy)");

    bytes32 internal constant VOUCHER_TYPEHASH = keccak256(
        "Voucher(uint32 settler,uint32 reservation,bytes32 termsHash,uint64 cumulative,bytes32 requestHash,uint64 expiry)"
    );

    bytes32 internal constant REQUEST_TYPEHASH = keccak256(
        "Request(bytes32 modelVersion,bytes32 inputHash,uint8 minMode,uint64 maxPrice,uint64 valueAtRisk,bytes32 nonce)"
    );

    bytes32 internal constant WINDOW_TYPEHASH = keccak256(
        "Window(uint32 settler,uint32 verifier,bytes32 root,uint32 count,uint64 signedAt)"
    );

    bytes32 internal constant BODY_TYPEHASH = keccak256(
        "BatchBody(uint32 settler,uint64 number,bytes32 root,bytes32 rowsHash,uint64 firstSequence,uint32 count,uint64 total,uint64 fee,bytes32 data,uint16 policy,uint64 deadline)"
    );

    function termsHash(Terms memory terms) internal pure returns (bytes32) {
        return keccak256(abi.encode(TERMS_TYPEHASH, terms));
    }

    function voucherHash(Voucher memory voucher) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOUCHER_TYPEHASH, voucher));
    }

    /// @dev Also the request's id in its receipt.
    function requestHash(Request memory request) internal pure returns (bytes32) {
        return keccak256(abi.encode(REQUEST_TYPEHASH, request));
    }

    function windowHash(Window memory window) internal pure returns (bytes32) {
        return keccak256(abi.encode(WINDOW_TYPEHASH, window));
    }

    function bodyHash(BatchBody memory body) internal pure returns (bytes32 hash) {
        bytes32 typeHash = BODY_TYPEHASH;
        assembly ("memory-safe") {
            // Hashes the eleven words where they stand, with the type hash in the word before them, which is put back.
            // abi.encode copies them: 400 gas more a batch.
            let start := sub(body, 32)
            let saved := mload(start)
            mstore(start, typeHash)
            hash := keccak256(start, 384)
            mstore(start, saved)
        }
    }

    function rowsHash(bytes memory debits, bytes memory credits) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(keccak256(debits), keccak256(credits));
    }

    /// @dev The leaf of a receipt: hashed twice, so that no inner node of a tree can be passed off as one.
    function leaf(bytes32 domainSeparator, Receipt memory receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(domainSeparator, receipt))));
    }

    /// @dev All of a batch but its root, in one word, so that proving a receipt needs little calldata.
    function restHash(bytes32 bodyHash_, Commitment memory commitment) internal pure returns (bytes32) {
        return keccak256(abi.encode(bodyHash_, commitment));
    }

    function innerHash(bytes32 root, bytes32 restHash_) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(root, restHash_);
    }

    function headerHash(bytes32 prevHash, bytes32 innerHash_) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(prevHash, innerHash_);
    }
}
