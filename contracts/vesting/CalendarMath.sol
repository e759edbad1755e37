// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title CalendarMath
/// @notice "The Dth of each month, 00:00:00 UTC" by arithmetic, in the Gregorian calendar. A month is counted as
/// year * 12 + (month - 1): April 2026 is 24315.
/// @dev The two conversions are the Euclidean affine functions of C. Neri and L. Schneider, "Euclidean affine functions and
/// their application to calendar algorithms" (2021). Exact from 1970 to at least the year 5461, the last that 16 bits of
/// months can name; the years are counted from March, so that the leap day is the last day of a year.
library CalendarMath {
    uint256 internal constant DAY = 86_400;

    /// @dev Days from 0000-03-01 to 1970-01-01.
    uint256 private constant EPOCH = 719_468;

    /// @notice Month and day of the month, 1 to 31, of a Unix timestamp in seconds below 2^37.
    function toMonth(uint256 timestamp) internal pure returns (uint256 month, uint256 day) {
        unchecked {
            // Below 2^37 seconds no product here exceeds 2^53.
            uint256 n = 4 * (timestamp / DAY + EPOCH) + 3;
            uint256 century = n / 146_097;
            uint256 p = 2_939_745 * ((n % 146_097) | 3);
            uint256 n3 = 2_141 * (uint32(p) / 11_758_980) + 197_913;
            month = (100 * century + (p >> 32)) * 12 + (n3 >> 16) - 1;
            day = uint16(n3) / 2_141 + 1;
        }
    }

    /// @notice Unix timestamp, in seconds, of 00:00:00 UTC on a day of a month from January 1970 on. `day` is 1 to 28, or
    /// exists in that month.
    function toTimestamp(uint256 month, uint256 day) internal pure returns (uint256 timestamp) {
        unchecked {
            // A month index from 1970 on is at least 23,640: nothing here falls below zero.
            uint256 year = month / 12;
            uint256 m = (month % 12) + 1;
            if (m < 3) {
                --year;
                m += 12;
            }
            uint256 century = year / 100;
            uint256 days_ = (1_461 * year) / 4 - century + century / 4 + (979 * m - 2_919) / 32 + day - 1;
            timestamp = (days_ - EPOCH) * DAY;
        }
    }

    /// @notice Days of a month, 28 to 31.
    function daysIn(uint256 month) internal pure returns (uint256 days_) {
        unchecked {
            uint256 m = (month % 12) + 1;
            uint256 year = month / 12;
            // Odd months up to July and even ones from August on have 31 days.
            if (m != 2) return 30 + ((m + (m >> 3)) & 1);
            // A leap year is a multiple of 4; of 16 when it is one of 25, because only 400 of the 100s is.
            return year & (year % 25 == 0 ? 15 : 3) == 0 ? 29 : 28;
        }
    }

    /// @notice The `day`th of a month; its last day where the month is shorter.
    function clamp(uint256 month, uint256 day) internal pure returns (uint256 existing) {
        if (day < 29) return day;
        uint256 last = daysIn(month);
        return day < last ? day : last;
    }

    /// @notice The anniversary `k` months after the first: 00:00:00 UTC on the `day`th, or on the last day of a shorter month.
    function anniversary(uint256 firstMonth, uint256 day, uint256 k) internal pure returns (uint256 timestamp) {
        uint256 month = firstMonth + k;
        return toTimestamp(month, clamp(month, day));
    }

    /// @notice How many anniversaries have come at a timestamp, the first included: 0 before the first, 1 from its second on.
    /// The moment of an anniversary itself counts.
    function elapsed(uint256 timestamp, uint256 firstMonth, uint256 day) internal pure returns (uint256 count) {
        (uint256 month, uint256 today) = toMonth(timestamp);
        unchecked {
            // A month index is at least 23,640.
            if (today < day && today < clamp(month, day)) --month;
            count = month < firstMonth ? 0 : month - firstMonth + 1;
        }
    }
}
