// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CalendarMath} from "../../../contracts/vesting/CalendarMath.sol";

/*
CalendarMath, the cases that bit others
├── 57: 21 February in 2027, 2028 (leap), 2100 (not), 2400 (leap), and the days around the end of those Februaries
├── 59: anchored on the 29th, 30th, 31st: the last day of a shorter month, and back again in the next
├── 63: beyond 2106, where 32 bits of seconds end, and up to the last month that 16 bits can name
├── elapsed: a second before, at and after each anniversary, for every anchor day over a leap cycle
└── fuzzed: a day of a month and back, and elapsed as the count of anniversaries
*/
contract CalendarMathTest {
    uint256 private constant DAY = 86_400;

    function test_57_TwentyFirstOfFebruary() public pure {
        _requireDate(2027, 2, 21, 1_803_168_000);
        _requireDate(2028, 2, 21, 1_834_704_000);
        _requireDate(2100, 2, 21, 4_106_851_200);
        _requireDate(2400, 2, 21, 13_573_872_000);
        _requireDate(2026, 6, 21, 1_782_000_000);
        _requireDate(1970, 1, 1, 0);
    }

    function test_57_FebruariesEnd() public pure {
        uint16[6] memory leapYears = [2027, 2028, 2096, 2100, 2104, 2400];
        uint8[6] memory days_ = [28, 29, 29, 28, 29, 29];
        for (uint256 i; i < leapYears.length; ++i) {
            uint256 month = _month(leapYears[i], 2);
            require(CalendarMath.daysIn(month) == days_[i], "length");
            uint256 march = CalendarMath.toTimestamp(month + 1, 1);
            require(CalendarMath.toTimestamp(month, days_[i]) == march - DAY, "last day");
            (uint256 last, uint256 day) = CalendarMath.toMonth(march - 1);
            require(last == month && day == days_[i], "last second");
            (last, day) = CalendarMath.toMonth(march);
            require(last == month + 1 && day == 1, "first second");
        }
    }

    function test_59_ClampsToTheEndOfAMonthAndReturns() public pure {
        uint256 january = _month(2027, 1);
        uint8[12] memory lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (uint256 day = 28; day <= 31; ++day) {
            for (uint256 k; k < 12; ++k) {
                uint256 expected = day < lengths[k] ? day : lengths[k];
                require(CalendarMath.clamp(january + k, day) == expected, "day");
                uint256 timestamp = CalendarMath.anniversary(january, day, k);
                (uint256 month, uint256 today) = CalendarMath.toMonth(timestamp);
                require(month == january + k && today == expected && timestamp % DAY == 0, "midnight of it");
            }
        }
        // 31 January, 28 February, 31 March; in 2028 29 February, in 2100 28, in 2400 29.
        require(CalendarMath.anniversary(january, 31, 0) == 1_801_353_600, "31 January 2027");
        require(CalendarMath.anniversary(january, 31, 1) == 1_803_772_800, "28 February 2027");
        require(CalendarMath.anniversary(january, 31, 2) == 1_806_451_200, "31 March 2027");
        require(CalendarMath.clamp(_month(2028, 2), 29) == 29 && CalendarMath.clamp(_month(2028, 2), 31) == 29, "2028");
        require(CalendarMath.clamp(_month(2100, 2), 29) == 28, "2100");
        require(CalendarMath.clamp(_month(2400, 2), 30) == 29, "2400");
    }

    /// @dev Every day of the month over 2096 to 2104, with its month of 29, 28 and again 29 days.
    function test_59_ElapsedStepsExactlyAtEachAnniversary() public pure {
        uint256 first = _month(2096, 1);
        for (uint256 day = 1; day <= 31; ++day) {
            require(CalendarMath.elapsed(CalendarMath.anniversary(first, day, 0) - 1, first, day) == 0, "not begun");
            for (uint256 k; k < 108; ++k) {
                uint256 timestamp = CalendarMath.anniversary(first, day, k);
                require(CalendarMath.elapsed(timestamp - 1, first, day) == k, "a second before");
                require(CalendarMath.elapsed(timestamp, first, day) == k + 1, "at it");
                require(CalendarMath.elapsed(timestamp + 1, first, day) == k + 1, "a second after");
            }
        }
    }

    function test_59_NoTwoAnniversariesFallTogether() public pure {
        for (uint256 day = 1; day <= 31; ++day) {
            uint256 last;
            for (uint256 k; k < 400 * 12; ++k) {
                uint256 timestamp = CalendarMath.anniversary(_month(2001, 1), day, k);
                require(k == 0 || (timestamp - last >= 28 * DAY && timestamp - last <= 31 * DAY), "28 to 31 days");
                last = timestamp;
            }
        }
    }

    function test_63_BeyondThirtyTwoBitsOfSeconds() public pure {
        uint256 end = 1 << 32; // 2106-02-07T06:28:16Z
        (uint256 month, uint256 day) = CalendarMath.toMonth(end);
        require(month == _month(2106, 2) && day == 7, "2106");
        uint256 first = _month(2105, 12);
        require(CalendarMath.elapsed(end - 1, first, 7) == 3, "before");
        require(CalendarMath.elapsed(end, first, 7) == 3, "at");
        require(CalendarMath.elapsed(end + 14 * DAY, first, 21) == 3, "after");
        _requireDate(2106, 2, 21, 4_296_153_600);
    }

    function test_63_UpToTheLastMonthThatSixteenBitsName() public pure {
        uint256 last = type(uint16).max; // April 5461
        require(last == _month(5461, 4), "April 5461");
        for (uint256 month = last - 48; month <= last + 65_535 + 255; month += 97) {
            uint256 timestamp = CalendarMath.toTimestamp(month, 1);
            (uint256 same, uint256 day) = CalendarMath.toMonth(timestamp);
            require(same == month && day == 1, "there and back");
            (same, day) = CalendarMath.toMonth(timestamp - 1);
            require(same == month - 1 && day == CalendarMath.daysIn(month - 1), "the day before");
        }
    }

    function test_ElapsedIsNothingBeforeAndNeverOverflows() public pure {
        for (uint256 day = 1; day <= 31; day += 6) {
            require(CalendarMath.elapsed(0, _month(2026, 4), day) == 0, "1970");
            require(CalendarMath.elapsed(type(uint256).max, _month(2026, 4), day) > 1e60, "the last second");
            require(CalendarMath.elapsed(0, _month(1970, 1), day) == (day == 1 ? 1 : 0), "the first second");
        }
    }

    /// @dev Months from 1970 to 10922, the end of what a book can reach.
    function testFuzz_ADayOfAMonthAndBack(uint24 month, uint8 day, uint24 second) public pure {
        uint256 m = _month(1970, 1) + (uint256(month) % 107_426);
        uint256 d = CalendarMath.clamp(m, 1 + (uint256(day) % 31));
        (uint256 same, uint256 sameDay) = CalendarMath.toMonth(
            CalendarMath.toTimestamp(m, d) + (uint256(second) % DAY)
        );
        require(same == m && sameDay == d, "there and back");
    }

    function testFuzz_ElapsedCountsAnniversaries(uint16 startMonth, uint8 day, uint40 timestamp) public pure {
        uint256 first = _month(1970, 1) + (uint256(startMonth) % 12_000);
        uint256 d = 1 + (uint256(day) % 31);
        uint256 t = uint256(timestamp) % (1 << 37);
        uint256 count = CalendarMath.elapsed(t, first, d);
        require(CalendarMath.anniversary(first, d, count) > t, "the next is to come");
        require(count == 0 || CalendarMath.anniversary(first, d, count - 1) <= t, "the last has come");
    }

    function _requireDate(uint256 year, uint256 monthOfYear, uint256 day, uint256 timestamp) private pure {
        uint256 month = _month(year, monthOfYear);
        require(CalendarMath.toTimestamp(month, day) == timestamp, "timestamp");
        for (uint256 second; second < DAY; second += DAY - 1) {
            (uint256 same, uint256 sameDay) = CalendarMath.toMonth(timestamp + second);
            require(same == month && sameDay == day, "month and day");
        }
    }

    function _month(uint256 year, uint256 monthOfYear) private pure returns (uint256) {
        return year * 12 + monthOfYear - 1;
    }
}
