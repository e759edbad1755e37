// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Receipt} from "./SettlementTypes.sol";

/// @title ReceiptLib
/// @notice Fields of a packed {Receipt}. Each cast keeps exactly the bits of its field.
library ReceiptLib {
    /// @dev What came of a request: a complete answer, or a payer that left before it was complete. Nothing else has a price.
    uint8 internal constant OK = 1;
    uint8 internal constant ABORTED = 4;

    function sequence(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.ids >> 192);
    }

    function settler(Receipt memory r) internal pure returns (uint32) {
        return uint32(r.ids >> 160);
    }

    function reservation(Receipt memory r) internal pure returns (uint32) {
        return uint32(r.ids >> 128);
    }

    function worker(Receipt memory r) internal pure returns (uint32) {
        return uint32(r.ids >> 96);
    }

    function verifier(Receipt memory r) internal pure returns (uint32) {
        return uint32(r.ids >> 64);
    }

    function mode(Receipt memory r) internal pure returns (uint8) {
        return uint8(r.ids >> 56);
    }

    function status(Receipt memory r) internal pure returns (uint8) {
        return uint8(r.ids >> 48);
    }

    function price(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.amounts >> 192);
    }

    function valueAtRisk(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.amounts >> 128);
    }

    function inputUnits(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.amounts >> 64);
    }

    function outputUnits(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.amounts);
    }

    function finishedAt(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.times >> 64);
    }

    /// @dev The reservation's cumulative spending including this receipt, in nano.
    function spent(Receipt memory r) internal pure returns (uint64) {
        return uint64(r.times);
    }
}
