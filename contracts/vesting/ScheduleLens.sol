// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CalendarMath} from "./CalendarMath.sol";
import {GrantState, IVestVault} from "./IVestVault.sol";
import {Grant, GrantId, Schedule, VestBook} from "./VestBook.sol";

/// @notice A grant, as the book has it and as it stands.
struct GrantView {
    Grant grant;
    GrantState state;
    address beneficiary; // who is paid now
}

/// @notice What falls due at one moment.
struct Unlock {
    uint256 timestamp; // Unix, seconds
    uint256 amountWei; // at this moment
    uint256 cumulativeWei; // up to this moment, it included
    uint256[] byCategoryWei; // of `amountWei`, in the order of {ScheduleLens-categories}
}

/// @notice A book in memory, and room to reckon in.
struct Reading {
    bytes file;
    uint256[] words; // the first of each schedule
    uint256[] due; // tranches, of each schedule
    uint256[] sumsWei; // of each schedule
}

/// @title ScheduleLens
/// @notice Answers an auditor's questions about a vault from its book. Owns nothing, decides nothing, can be replaced by
/// anybody. Everything is computed from the book's code, grant by grant: a category's amount is the sum of its grants'
/// floors. A month is counted from the book's start, which is month 0.
contract ScheduleLens {
    error ScheduleLens_UnknownGrant(GrantId id, uint256 grants);

    uint256 private constant SUPPLY_WEI = 1e27;

    IVestVault public immutable vault;
    address public immutable book;
    uint256 public immutable scheduleCount;
    uint256 public immutable grantCount;

    constructor(IVestVault vault_) {
        vault = vault_;
        book = vault_.book();
        scheduleCount = VestBook.more(VestBook.scheduleWord(book, 0)) + 1;
        grantCount = vault_.grantCount();
    }

    /* THE BOOK */

    /// @notice EXTCODEHASH of the book: keccak256 of the published file.
    function bookHash() external view returns (bytes32) {
        return book.codehash;
    }

    /// @notice Schedules from `from` to before `to`; beyond the last there are none.
    function schedules(uint256 from, uint256 to) external view returns (Schedule[] memory page) {
        to = _min(to, scheduleCount);
        page = new Schedule[](to > from ? to - from : 0);
        for (uint256 i; i < page.length; ++i) {
            page[i] = VestBook.toSchedule(book, from + i);
        }
    }

    /// @notice Grants from `from` to before `to`; beyond the last there are none.
    function grants(uint256 from, uint256 to) external view returns (GrantView[] memory page) {
        to = _min(to, grantCount);
        page = new GrantView[](to > from ? to - from : 0);
        for (uint256 i; i < page.length; ++i) {
            GrantId id = GrantId.wrap(from + i);
            page[i] = GrantView(grant(id), stateOf(id), beneficiaryOf(id));
        }
    }

    /// @notice A grant as the book has it.
    function grant(GrantId id) public view returns (Grant memory) {
        return VestBook.toGrant(_record(id));
    }

    /// @notice What happened to a grant so far.
    function stateOf(GrantId id) public view returns (GrantState memory state) {
        (state.paidWei, state.keptTranches, state.revoked, state.handedOver) = vault.states(id);
    }

    /// @notice Who is paid for a grant now, except for the tranches that a revocation took.
    function beneficiaryOf(GrantId id) public view returns (address) {
        address original = VestBook.beneficiary(_record(id));
        return stateOf(id).handedOver ? vault.newBeneficiary(id) : original;
    }

    /// @notice Names of the categories, in the order in which the book first has them.
    function categories() public view returns (bytes32[] memory names) {
        (names, ) = _categories();
    }

    /* WHAT IS UNLOCKED */

    /// @notice What is vested of a grant at a timestamp, in wei, paid or not.
    function vestedAt(GrantId id, uint256 timestamp) public view returns (uint256) {
        uint256 record = _record(id);
        uint256 schedule = VestBook.scheduleWord(book, VestBook.scheduleOf(record));
        return VestBook.vested(schedule, record, VestBook.due(schedule, timestamp));
    }

    /// @notice What a claim of each grant from `from` to before `to` would pay now, in wei.
    function claimable(uint256 from, uint256 to) external view returns (uint256[] memory page) {
        to = _min(to, grantCount);
        page = new uint256[](to > from ? to - from : 0);
        for (uint256 i; i < page.length; ++i) {
            GrantId id = GrantId.wrap(from + i);
            page[i] = vestedAt(id, block.timestamp) - stateOf(id).paidWei;
        }
    }

    /// @notice What the whole book has unlocked at a timestamp, in wei.
    function unlockedAt(uint256 timestamp) public view returns (uint256 unlockedWei) {
        return _total(_read(), timestamp);
    }

    /// @notice The same by category.
    function unlockedByCategoryAt(uint256 timestamp) external view returns (uint256[] memory) {
        (bytes32[] memory names, uint256[] memory categoryOf) = _categories();
        Reading memory reading = _read();
        _fill(reading, timestamp, reading.sumsWei);
        return _byCategory(reading.sumsWei, categoryOf, names.length);
    }

    /// @notice The timestamp of the block that this is asked at, and what the whole book has unlocked by then, in wei.
    function unlockedNow() external view returns (uint256 timestamp, uint256 unlockedWei) {
        return (block.timestamp, unlockedAt(block.timestamp));
    }

    /// @notice What unlocks after `from` up to `to`, both Unix seconds, in wei. Zero when `to` is not after `from`.
    function unlockedBetween(uint256 from, uint256 to) external view returns (uint256) {
        return to > from ? unlockedAt(to) - unlockedAt(from) : 0;
    }

    /// @notice What is still locked at a timestamp, in wei.
    function lockedAt(uint256 timestamp) public view returns (uint256) {
        return vault.totalWei() - unlockedAt(timestamp);
    }

    /// @notice The supply less what is locked at a timestamp, in wei.
    function circulatingAt(uint256 timestamp) external view returns (uint256) {
        return SUPPLY_WEI - lockedAt(timestamp);
    }

    /* THE CALENDAR */

    /// @notice Unix timestamp, in seconds, of the unlock `month` months after the start.
    function unlockTime(uint256 month) public view returns (uint256) {
        uint256 schedule = VestBook.scheduleWord(book, 0);
        return CalendarMath.anniversary(VestBook.startMonth(schedule), VestBook.day(schedule), month);
    }

    /// @notice The month after which nothing is locked.
    function lastMonth() public view returns (uint256 month) {
        for (uint256 i; i < scheduleCount; ++i) {
            uint256 schedule = VestBook.scheduleWord(book, i);
            uint256 last = VestBook.firstTranche(schedule) + VestBook.tranches(schedule) - 1;
            if (last > month) month = last;
        }
    }

    /// @notice `count` months from `fromMonth` on, also those in which nothing unlocks.
    function calendar(uint256 fromMonth, uint256 count) external view returns (Unlock[] memory page) {
        (bytes32[] memory names, uint256[] memory categoryOf) = _categories();
        Reading memory reading = _read();
        uint256[] memory before = new uint256[](scheduleCount);
        if (fromMonth > 0) _fill(reading, unlockTime(fromMonth - 1), before);
        page = new Unlock[](count);
        for (uint256 i; i < count; ++i) {
            uint256 timestamp = unlockTime(fromMonth + i);
            uint256 beforeWei = _sum(before);
            uint256 cumulativeWei = _total(reading, timestamp);
            uint256[] memory sumsWei = reading.sumsWei;
            for (uint256 j; j < before.length; ++j) {
                before[j] = sumsWei[j] - before[j];
            }
            uint256[] memory byCategoryWei = _byCategory(before, categoryOf, names.length);
            page[i] = Unlock(timestamp, cumulativeWei - beforeWei, cumulativeWei, byCategoryWei);
            (reading.sumsWei, before) = (before, sumsWei);
        }
    }

    /// @notice The next moment at which something unlocks, and how much, in wei; zeros when everything is.
    function nextUnlock() external view returns (uint256 timestamp, uint256 amountWei) {
        uint256 schedule = VestBook.scheduleWord(book, 0);
        uint256 last = lastMonth();
        Reading memory reading = _read();
        uint256 unlockedWei = _total(reading, block.timestamp);
        uint256 month = CalendarMath.elapsed(block.timestamp, VestBook.startMonth(schedule), VestBook.day(schedule));
        for (; month <= last; ++month) {
            timestamp = unlockTime(month);
            amountWei = _total(reading, timestamp) - unlockedWei;
            if (amountWei != 0) return (timestamp, amountWei);
        }
        return (0, 0);
    }

    /// @notice keccak256 over all months from 0 to {lastMonth} of timestamp and cumulative amount in wei, 32 bytes each.
    function tableHash() external view returns (bytes32) {
        uint256 months = lastMonth() + 1;
        Reading memory reading = _read();
        uint256[] memory table = new uint256[](2 * months);
        for (uint256 month; month < months; ++month) {
            table[2 * month] = unlockTime(month);
            table[2 * month + 1] = _total(reading, table[2 * month]);
        }
        return keccak256(abi.encodePacked(table));
    }

    /* THE MONEY */

    /// @notice Paid of all grants so far, in wei.
    function paidWei() public view returns (uint256 sumWei) {
        for (uint256 i; i < grantCount; ++i) {
            sumWei += stateOf(GrantId.wrap(i)).paidWei;
        }
    }

    /// @notice Balance less what is owed, in wei: zero as a rule, above it when somebody sent OPG to the vault, below it
    /// only before the vault is funded.
    function solvency() external view returns (int256) {
        uint256 owedWei = vault.totalWei() - paidWei();
        return int256(vault.token().balanceOf(address(vault))) - int256(owedWei);
    }

    /* INTERNAL */

    function _record(GrantId id) private view returns (uint256) {
        uint256 count = grantCount;
        if (GrantId.unwrap(id) >= count) revert ScheduleLens_UnknownGrant(id, count);
        return VestBook.word(book, scheduleCount * VestBook.SCHEDULE_WORDS + GrantId.unwrap(id));
    }

    /// @dev The book in memory, to be read for many moments.
    function _read() private view returns (Reading memory reading) {
        uint256 count = scheduleCount;
        reading.file = book.code;
        reading.words = new uint256[](count);
        reading.due = new uint256[](count);
        reading.sumsWei = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            reading.words[i] = _wordOf(reading.file, i * VestBook.SCHEDULE_WORDS);
        }
    }

    /// @dev Wei unlocked at a timestamp, by schedule, into `sumsWei`. Allocates nothing: memory costs its square.
    function _fill(Reading memory reading, uint256 timestamp, uint256[] memory sumsWei) private view {
        (bytes memory file, uint256[] memory words, uint256[] memory due) = (reading.file, reading.words, reading.due);
        // All schedules of a book share one anchor.
        uint256 passed = CalendarMath.elapsed(timestamp, VestBook.startMonth(words[0]), VestBook.day(words[0]));
        uint256 count = words.length;
        for (uint256 i; i < count; ++i) {
            due[i] = VestBook.dueAfter(words[i], passed);
            sumsWei[i] = 0;
        }
        uint256 first = count * VestBook.SCHEDULE_WORDS;
        uint256 end = first + grantCount;
        unchecked {
            // At most 764 grants below 2^90 each.
            for (uint256 i = first; i < end; ++i) {
                uint256 record = _wordOf(file, i);
                uint256 schedule = VestBook.scheduleOf(record);
                sumsWei[schedule] += VestBook.vested(words[schedule], record, due[schedule]);
            }
        }
    }

    /// @dev The same for the whole book.
    function _total(Reading memory reading, uint256 timestamp) private view returns (uint256) {
        _fill(reading, timestamp, reading.sumsWei);
        return _sum(reading.sumsWei);
    }

    /// @dev Distinct names, and for each schedule the index of its own.
    function _categories() private view returns (bytes32[] memory names, uint256[] memory categoryOf) {
        uint256 count = scheduleCount;
        bytes32[] memory all = new bytes32[](count);
        categoryOf = new uint256[](count);
        uint256 found;
        for (uint256 i; i < count; ++i) {
            bytes32 name = VestBook.toSchedule(book, i).category;
            uint256 position;
            while (position < found && all[position] != name) ++position;
            if (position == found) all[found++] = name;
            categoryOf[i] = position;
        }
        names = new bytes32[](found);
        for (uint256 i; i < found; ++i) {
            names[i] = all[i];
        }
    }

    function _byCategory(
        uint256[] memory bySchedule,
        uint256[] memory categoryOf,
        uint256 count
    ) private pure returns (uint256[] memory sums) {
        sums = new uint256[](count);
        for (uint256 i; i < bySchedule.length; ++i) {
            sums[categoryOf[i]] += bySchedule[i];
        }
    }

    function _sum(uint256[] memory values) private pure returns (uint256 sum) {
        for (uint256 i; i < values.length; ++i) {
            sum += values[i];
        }
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _wordOf(bytes memory file, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(file, 33), shl(5, index)))
        }
    }
}
