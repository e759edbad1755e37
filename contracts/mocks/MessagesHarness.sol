// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Messages} from "../settlement/Messages.sol";
import {BatchBody, Commitment, Receipt, Request, Terms, Voucher, Window} from "../settlement/SettlementTypes.sol";

/// @notice {Messages}, callable.
contract MessagesHarness {
    function termsHash(Terms calldata terms) external pure returns (bytes32) {
        return Messages.termsHash(terms);
    }

    function voucherHash(Voucher calldata voucher) external pure returns (bytes32) {
        return Messages.voucherHash(voucher);
    }

    function requestHash(Request calldata request) external pure returns (bytes32) {
        return Messages.requestHash(request);
    }

    function windowHash(Window calldata window) external pure returns (bytes32) {
        return Messages.windowHash(window);
    }

    /// @return hash Of the body.
    /// @return again Of the body once more: hashing leaves memory as it was.
    function bodyHash(BatchBody calldata body) external pure returns (bytes32 hash, bytes32 again) {
        bytes32[] memory before = new bytes32[](1);
        before[0] = keccak256("stands before the body");
        BatchBody memory copy = body;
        hash = Messages.bodyHash(copy);
        assert(before.length == 1 && before[0] == keccak256("stands before the body"));
        again = Messages.bodyHash(copy);
    }

    function rowsHash(bytes calldata debits, bytes calldata credits) external pure returns (bytes32) {
        return Messages.rowsHash(debits, credits);
    }

    function leaf(bytes32 domainSeparator, Receipt calldata receipt) external pure returns (bytes32) {
        return Messages.leaf(domainSeparator, receipt);
    }

    function headerHash(
        bytes32 prevHash,
        bytes32 root,
        bytes32 bodyHash_,
        Commitment calldata commitment
    ) external pure returns (bytes32) {
        return Messages.headerHash(prevHash, Messages.innerHash(root, Messages.restHash(bodyHash_, commitment)));
    }
}
