// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CalendarMath} from "../../../contracts/vesting/CalendarMath.sol";
import {Grant, VestBook} from "../../../contracts/vesting/VestBook.sol";

/*
VestBook, the formula
├── 1: for 1 to 255 tranches and totals from 1 wei to 2^90 - 1: the parts add up to the total, none is early, none a wei late
├── due: nothing before the first tranche, all of them after the last, at the edges of every field
└── fuzzed: a grant and a schedule are the fields of their words
*/
contract VestBookTest {
    uint256 private constant MAX_WEI = (1 << 90) - 1;

    function test_1_ThePartsAddUpToTheTotal() public pure {
        for (uint256 tranches = 1; tranches <= 255; ++tranches) {
            uint256 schedule = tranches << 16;
            uint256[13] memory totals = [
                1,
                2,
                tranches - 1,
                tranches,
                tranches + 1,
                254,
                255,
                256,
                1e18 + 1,
                100_000_000e18,
                1e27,
                MAX_WEI - 1,
                MAX_WEI
            ];
            for (uint256 i; i < totals.length; ++i) {
                if (totals[i] != 0) _requireExact(schedule, tranches, totals[i]);
            }
        }
    }

    function testFuzz_1_ThePartsAddUpToTheTotal(uint96 totalWei, uint8 tranches) public pure {
        uint256 total = 1 + (uint256(totalWei) % MAX_WEI);
        uint256 count = 1 + (uint256(tranches) % 255);
        _requireExact(count << 16, count, total);
    }

    function _requireExact(uint256 schedule, uint256 tranches, uint256 total) private pure {
        uint256 sum;
        uint256 before = VestBook.vested(schedule, total, 0);
        require(before == 0, "nothing at first");
        uint256 least = total / tranches;
        for (uint256 count = 1; count <= tranches; ++count) {
            uint256 vested = VestBook.vested(schedule, total, count);
            // Rounded down, and by less than a wei.
            require(vested * tranches <= total * count && (vested + 1) * tranches > total * count, "the floor");
            require(vested - before == least || vested - before == least + 1, "equal to the wei");
            sum += vested - before;
            before = vested;
        }
        require(sum == total && before == total, "all of it");
    }

    function test_DueAtTheEdges() public pure {
        uint16[4] memory firsts = [0, 1, 13, 65_535];
        uint8[4] memory all = [1, 2, 36, 255];
        uint16[3] memory starts = [23_640, 24_315, 65_535];
        uint8[4] memory days_ = [1, 21, 29, 31];
        for (uint256 i; i < 4 * 4 * 3 * 4; ++i) {
            uint256 first = firsts[i % 4];
            uint256 tranches = all[(i / 4) % 4];
            uint256 start = starts[(i / 16) % 3];
            uint256 day = days_[i / 48];
            uint256 schedule = (start << 56) | (day << 48) | (first << 24) | (tranches << 16);
            for (uint256 k = first; k <= first + tranches; ++k) {
                uint256 timestamp = CalendarMath.anniversary(start, day, k);
                uint256 due = k - first + 1 < tranches ? k - first + 1 : tranches;
                if (timestamp != 0) {
                    uint256 before = k - first < tranches ? k - first : tranches;
                    require(VestBook.due(schedule, timestamp - 1) == before, "a second before");
                }
                require(VestBook.due(schedule, timestamp) == due, "at it");
                require(VestBook.due(schedule, timestamp + 1) == due, "a second after");
            }
            require(VestBook.due(schedule, type(uint256).max) == tranches, "in the end");
        }
    }

    function testFuzz_AGrantIsTheFieldsOfItsWord(address beneficiary, uint8 schedule, uint96 totalWei) public pure {
        uint256 total = uint256(totalWei) & MAX_WEI;
        uint256 word = (uint256(uint160(beneficiary)) << 96) | (uint256(schedule & 63) << 90) | total;
        Grant memory grant = VestBook.toGrant(word);
        require(
            grant.beneficiary == beneficiary && grant.schedule == schedule & 63 && grant.totalWei == total,
            "all three"
        );
    }

    function testFuzz_AScheduleIsTheFieldsOfItsWord(
        address revoker,
        uint16 startMonth,
        uint8 day,
        uint16 firstTranche,
        uint8 tranches,
        uint8 noticeMonths,
        uint8 more
    ) public pure {
        uint256 word = uint256(
            bytes32(
                abi.encodePacked(
                    bytes3(0),
                    revoker,
                    startMonth,
                    day,
                    uint8(1),
                    firstTranche,
                    tranches,
                    noticeMonths,
                    more
                )
            )
        );
        require(VestBook.revoker(word) == revoker && VestBook.startMonth(word) == startMonth, "revoker and start");
        require(VestBook.day(word) == day && VestBook.firstTranche(word) == firstTranche, "day and first");
        require(VestBook.tranches(word) == tranches && VestBook.noticeMonths(word) == noticeMonths, "tranches, notice");
        require(VestBook.more(word) == more, "more");
    }
}
