// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SettlerState, SettlerStateLib} from "../../../contracts/settlement/SettlerState.sol";

contract SettlerStateTest {
    uint256 internal constant MAX_NANO = SettlerStateLib.MAX_NANO;

    function test_AmountsHoldTheWholeSupply() public pure {
        require(MAX_NANO >= 1e18, "1e18 nano");
    }

    function testFuzz_FieldsComeBack(
        uint64 nextSequence,
        uint32 batches,
        uint40 levelAt,
        uint256 levelNano,
        uint256 feesNano
    ) public pure {
        (levelNano, feesNano) = (levelNano & MAX_NANO, feesNano & MAX_NANO);
        SettlerState state = SettlerStateLib.pack(nextSequence, batches, levelAt, levelNano, feesNano);
        _requireFields(state, nextSequence, batches, levelAt, levelNano, feesNano);
        _requireFields(state.withoutFees(), nextSequence, batches, levelAt, levelNano, 0);
    }

    /// @dev Every bit belongs to one field: what is packed again is the same word.
    function testFuzz_FieldsCoverTheWord(uint256 word) public pure {
        SettlerState state = SettlerState.wrap(word);
        SettlerState again = SettlerStateLib.pack(
            state.nextSequence(),
            state.batches(),
            state.levelAt(),
            state.levelNano(),
            state.feesNano()
        );
        require(SettlerState.unwrap(again) == word, "same word");
        require(state.isOpen() == (word != 0), "open");
    }

    function _requireFields(
        SettlerState state,
        uint64 nextSequence,
        uint32 batches,
        uint40 levelAt,
        uint256 levelNano,
        uint256 feesNano
    ) private pure {
        require(state.nextSequence() == nextSequence, "nextSequence");
        require(state.batches() == batches, "batches");
        require(state.levelAt() == levelAt, "levelAt");
        require(state.levelNano() == levelNano, "levelNano");
        require(state.feesNano() == feesNano, "feesNano");
    }
}
