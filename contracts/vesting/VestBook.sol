// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CalendarMath} from "./CalendarMath.sol";

/// @notice Index of a grant in its book.
type GrantId is uint256;

/// @notice When the tranches of a grant are due, and who may redirect them. 96 bytes in the book, see docs/contracts/vesting.md.
struct Schedule {
    // word 0: 20 + 2 + 1 + 1 + 2 + 1 + 1 + 1 = 29 bytes, right-aligned
    address revoker; // may redirect future tranches to `remainderTo`; zero: nobody may
    uint16 startMonth; // of the book: year * 12 + (month - 1)
    uint8 day; // of the book: day of the month, 1 to 31; above 28 exactly with `clamped`
    bool clamped; // of the book: in a shorter month the last day stands for `day`
    uint16 firstTranche; // months between the start and the first tranche
    uint8 tranches; // 1 to 255, monthly, of equal size
    uint8 noticeMonths; // tranches that a revocation must leave after those that are due
    uint8 more; // schedules that follow in the book
    // word 1: 20 bytes, right-aligned
    address remainderTo; // gets what a revocation takes; zero where nobody may revoke
    // word 2: 32 bytes
    bytes32 category; // ASCII, left-aligned
}

/// @notice Who gets how much by which schedule. 32 bytes in the book.
struct Grant {
    address beneficiary; // 160 bits
    uint256 schedule; // 6 bits
    uint256 totalWei; // 90 bits: below 2^90 > 1e27, the whole supply
}

/// @title VestBook
/// @notice The published file as a contract: its runtime code is 0x00, the schedules (96 bytes each), the grants (32 bytes
/// each), and nothing can change it. The zero byte stops every call to it.
library VestBook {
    /// @notice Thrown when the code cannot be created: empty, or beyond 24,576 bytes.
    error VestBook_NotCreated(uint256 bytes_);

    uint256 internal constant SCHEDULE_WORDS = 3;
    uint256 internal constant MAX_SCHEDULES = 64;

    /// @notice Creates the book. The creation code returns what follows it, the pattern known as SSTORE2 (Solady).
    /// @param file The runtime code: 0x00 and whole words.
    function create(bytes memory file) internal returns (address book) {
        // PUSH2 length, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN
        bytes memory creation = abi.encodePacked(hex"61", uint16(file.length), hex"80600a3d393df3", file);
        assembly ("memory-safe") {
            book := create(0, add(creation, 32), mload(creation))
        }
        if (book == address(0)) revert VestBook_NotCreated(file.length);
    }

    /// @notice A word of the book, counted after the zero byte. Zero beyond its end.
    function word(address book, uint256 index) internal view returns (uint256 value) {
        assembly ("memory-safe") {
            extcodecopy(book, 0, add(1, shl(5, index)), 32)
            value := mload(0)
        }
    }

    /// @notice Words of the book.
    function words(address book) internal view returns (uint256 count) {
        unchecked {
            // The code is not empty.
            return (book.code.length - 1) / 32;
        }
    }

    function toGrant(uint256 value) internal pure returns (Grant memory) {
        return Grant({beneficiary: beneficiary(value), schedule: scheduleOf(value), totalWei: total(value)});
    }

    function beneficiary(uint256 grant) internal pure returns (address) {
        return address(uint160(grant >> 96));
    }

    function scheduleOf(uint256 grant) internal pure returns (uint256) {
        return (grant >> 90) & 63;
    }

    function total(uint256 grant) internal pure returns (uint256 totalWei) {
        return grant & ((1 << 90) - 1);
    }

    /// @notice The first word of a schedule.
    function scheduleWord(address book, uint256 index) internal view returns (uint256 value) {
        return word(book, index * SCHEDULE_WORDS);
    }

    function toSchedule(address book, uint256 index) internal view returns (Schedule memory) {
        uint256 value = scheduleWord(book, index);
        return
            Schedule({
                revoker: revoker(value),
                startMonth: uint16(startMonth(value)),
                day: uint8(day(value)),
                clamped: (value >> 40) & 0xff == 1,
                firstTranche: uint16(firstTranche(value)),
                tranches: uint8(tranches(value)),
                noticeMonths: uint8(noticeMonths(value)),
                more: uint8(more(value)),
                remainderTo: address(uint160(word(book, index * SCHEDULE_WORDS + 1))),
                category: bytes32(word(book, index * SCHEDULE_WORDS + 2))
            });
    }

    function revoker(uint256 schedule) internal pure returns (address) {
        return address(uint160(schedule >> 72));
    }

    function startMonth(uint256 schedule) internal pure returns (uint256) {
        return (schedule >> 56) & 0xffff;
    }

    function day(uint256 schedule) internal pure returns (uint256) {
        return (schedule >> 48) & 0xff;
    }

    function firstTranche(uint256 schedule) internal pure returns (uint256) {
        return (schedule >> 24) & 0xffff;
    }

    function tranches(uint256 schedule) internal pure returns (uint256) {
        return (schedule >> 16) & 0xff;
    }

    function noticeMonths(uint256 schedule) internal pure returns (uint256) {
        return (schedule >> 8) & 0xff;
    }

    function more(uint256 schedule) internal pure returns (uint256) {
        return schedule & 0xff;
    }

    /// @notice Tranches of a schedule that are due at a timestamp, 0 to all of them.
    function due(uint256 schedule, uint256 timestamp) internal pure returns (uint256 count) {
        return dueAfter(schedule, CalendarMath.elapsed(timestamp, startMonth(schedule), day(schedule)));
    }

    /// @notice Tranches of a schedule that are due once so many anchors have passed, that of month 0 included.
    function dueAfter(uint256 schedule, uint256 passed) internal pure returns (uint256 count) {
        uint256 first = firstTranche(schedule);
        if (passed <= first) return 0;
        unchecked {
            // passed > first
            count = passed - first;
        }
        uint256 all = tranches(schedule);
        if (count > all) count = all;
    }

    /// @notice What `count` tranches of a grant make together, in wei, rounded down; all of them make its total exactly.
    /// floor(total * count / tranches): no part is ever paid early, and nothing is lost.
    function vested(uint256 schedule, uint256 grant, uint256 count) internal pure returns (uint256 vestedWei) {
        unchecked {
            // Below 2^90 * 2^8.
            return (total(grant) * count) / tranches(schedule);
        }
    }
}
