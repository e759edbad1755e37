// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PackedLanes} from "../../../contracts/common/PackedLanes.sol";
import {VM} from "../../helpers/Vm.sol";

contract PackedLanesTest {
    using PackedLanes for uint256;

    function testFuzz_LanesAreTheFourParts(uint64 a, uint64 b, uint64 c, uint64 d, uint32 group) public pure {
        uint256 word = (uint256(d) << 192) | (uint256(c) << 128) | (uint256(b) << 64) | a;
        uint256 first = uint256(group) * 4;
        require(word.lane(first) == a && word.lane(first + 1) == b, "low lanes");
        require(word.lane(first + 2) == c && word.lane(first + 3) == d, "high lanes");
    }

    function testFuzz_PlusChangesItsLaneOnly(uint256 word, uint256 index, uint64 amount) public pure {
        VM.assume(word.lane(index) + amount <= PackedLanes.MAX);
        uint256 after_ = word.plus(index, amount);
        _requireOnly(word, after_, index, word.lane(index) + amount);
        require(after_.minus(index, amount) == word, "minus undoes plus");
    }

    function testFuzz_MinusChangesItsLaneOnly(uint256 word, uint256 index, uint64 amount) public pure {
        amount = uint64(amount % (word.lane(index) + 1));
        _requireOnly(word, word.minus(index, amount), index, word.lane(index) - amount);
    }

    function testFuzz_LanesCanBeFilledAndEmptied(uint256 index, uint256 others) public pure {
        uint256 empty = others.minus(index, others.lane(index));
        uint256 full = empty.plus(index, PackedLanes.MAX);
        _requireOnly(others, full, index, PackedLanes.MAX);
        require(full.minus(index, PackedLanes.MAX) == empty, "emptied");
    }

    function _requireOnly(uint256 before, uint256 after_, uint256 index, uint256 expected) private pure {
        for (uint256 i; i < 4; ++i) {
            require(after_.lane(i) == (i == index % 4 ? expected : before.lane(i)), "one lane");
        }
    }
}
