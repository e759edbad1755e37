// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReceiptLib} from "../../../contracts/settlement/ReceiptLib.sol";
import {Receipt} from "../../../contracts/settlement/SettlementTypes.sol";

contract ReceiptLibTest {
    using ReceiptLib for Receipt;

    /// @dev The compiler packs the fields in the order in which the design names them.
    function testFuzz_IdsComeBack(
        uint64 sequence,
        uint32 settler,
        uint32 reservation,
        uint32 worker,
        uint32 verifier,
        uint8 mode,
        uint8 status,
        uint48 spare
    ) public pure {
        Receipt memory receipt;
        bytes memory word = abi.encodePacked(sequence, settler, reservation, worker, verifier, mode, status, spare);
        receipt.ids = uint256(bytes32(word));
        require(receipt.sequence() == sequence, "sequence");
        require(receipt.settler() == settler && receipt.reservation() == reservation, "settler, reservation");
        require(receipt.worker() == worker && receipt.verifier() == verifier, "worker, verifier");
        require(receipt.mode() == mode && receipt.status() == status, "mode, status");
    }

    function testFuzz_AmountsAndTimesComeBack(
        uint64 price,
        uint64 valueAtRisk,
        uint128 units,
        uint128 began,
        uint64 finishedAt,
        uint64 spent
    ) public pure {
        Receipt memory receipt;
        receipt.amounts = uint256(bytes32(abi.encodePacked(price, valueAtRisk, units)));
        receipt.times = uint256(bytes32(abi.encodePacked(began, finishedAt, spent)));
        require(receipt.price() == price && receipt.valueAtRisk() == valueAtRisk, "price, value at risk");
        require(receipt.finishedAt() == finishedAt && receipt.spent() == spent, "finishedAt, spent");
    }
}
