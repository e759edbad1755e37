// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DateTimeLib} from "solady/src/utils/DateTimeLib.sol";
import {CalendarMath} from "../vesting/CalendarMath.sol";

/// @notice {CalendarMath} callable, and compared with Solady's DateTimeLib over ranges.
contract CalendarHarness {
    error Differs(bytes32 what, uint256 where, uint256 ours, uint256 theirs);

    function toMonth(uint256 timestamp) external pure returns (uint256 month, uint256 day) {
        return CalendarMath.toMonth(timestamp);
    }

    function anniversary(uint256 firstMonth, uint256 day, uint256 k) external pure returns (uint256) {
        return CalendarMath.anniversary(firstMonth, day, k);
    }

    function elapsed(uint256 timestamp, uint256 firstMonth, uint256 day) external pure returns (uint256) {
        return CalendarMath.elapsed(timestamp, firstMonth, day);
    }

    /// @notice {anniversary} for many, in order.
    function anniversaries(
        uint256[] calldata firstMonths,
        uint256[] calldata days_,
        uint256[] calldata ks
    ) external pure returns (uint256[] memory timestamps) {
        timestamps = new uint256[](ks.length);
        for (uint256 i; i < ks.length; ++i) {
            timestamps[i] = CalendarMath.anniversary(firstMonths[i], days_[i], ks[i]);
        }
    }

    /// @notice {elapsed} for many, in order.
    function elapsedMany(
        uint256[] calldata timestamps,
        uint256[] calldata firstMonths,
        uint256[] calldata days_
    ) external pure returns (uint256[] memory counts) {
        counts = new uint256[](timestamps.length);
        for (uint256 i; i < timestamps.length; ++i) {
            counts[i] = CalendarMath.elapsed(timestamps[i], firstMonths[i], days_[i]);
        }
    }

    /// @notice Gas of one {CalendarMath-elapsed}, a comparison and the read of the gas included. The comparison keeps the
    /// optimizer from moving the calculation behind that read.
    function gasOfElapsed(
        uint256 timestamp,
        uint256 firstMonth,
        uint256 day
    ) external view returns (uint256 gas, uint256 count) {
        gas = gasleft();
        count = CalendarMath.elapsed(timestamp, firstMonth, day);
        if (count > type(uint128).max) revert Differs("elapsed", timestamp, count, 0);
        gas -= gasleft();
    }

    /// @notice Compares the first and the last second of the days from `from` to before `to`, counted from 1970-01-01.
    function compareDays(uint256 from, uint256 to) external pure returns (uint256 compared) {
        for (uint256 n = from; n < to; ++n) {
            uint256 timestamp = n * 1 days;
            (uint256 year, uint256 month, uint256 day) = DateTimeLib.timestampToDate(timestamp);
            uint256 index = year * 12 + month - 1;
            _compareDay(timestamp, index, day);
            _compareDay(timestamp + 1 days - 1, index, day);
            _same("toTimestamp", timestamp, CalendarMath.toTimestamp(index, day), timestamp);
            _same("daysIn", index, CalendarMath.daysIn(index), DateTimeLib.daysInMonth(year, month));
            ++compared;
        }
    }

    /// @notice Compares the anniversaries from `from` to before `to` of the 1st to the 31st with Solady's addMonths, and, in
    /// the seconds around each, how many have come. The first month has 31 days.
    function compareMonths(uint256 firstMonth, uint256 from, uint256 to) external pure returns (uint256 compared) {
        for (uint256 day = 1; day <= 31; ++day) {
            uint256 first = DateTimeLib.dateToTimestamp(firstMonth / 12, (firstMonth % 12) + 1, day);
            for (uint256 k = from; k < to; ++k) {
                uint256 theirs = DateTimeLib.addMonths(first, k);
                _same("anniversary", k, CalendarMath.anniversary(firstMonth, day, k), theirs);
                if (theirs > 0) _same("elapsed before", theirs, CalendarMath.elapsed(theirs - 1, firstMonth, day), k);
                _same("elapsed at", theirs, CalendarMath.elapsed(theirs, firstMonth, day), k + 1);
                _same("elapsed after", theirs, CalendarMath.elapsed(theirs + 1, firstMonth, day), k + 1);
                ++compared;
            }
        }
    }

    function _compareDay(uint256 timestamp, uint256 theirMonth, uint256 theirDay) private pure {
        (uint256 month, uint256 day) = CalendarMath.toMonth(timestamp);
        _same("month", timestamp, month, theirMonth);
        _same("day", timestamp, day, theirDay);
    }

    function _same(bytes32 what, uint256 where, uint256 ours, uint256 theirs) private pure {
        if (ours != theirs) revert Differs(what, where, ours, theirs);
    }
}
