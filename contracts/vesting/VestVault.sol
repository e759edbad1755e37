// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {GrantState, IVestVault} from "./IVestVault.sol";
import {GrantId, VestBook} from "./VestBook.sol";

/// @title VestVault
/// @notice See {IVestVault}. No owner, no proxy, no parameter, no other way out.
///
/// TOKEN
/// @dev OPG: a transfer moves exactly the amount asked and calls nobody.
///
/// INVARIANTS
/// @dev Once sealed: token.balanceOf(this) >= totalWei - sum of what was paid, and what was paid of a grant never exceeds what
/// its schedule says at that second, to the wei. A revocation changes who is paid, never when or how much.
contract VestVault is IVestVault {
    using SafeERC20 for IERC20;

    /// @dev What every OPG has; anything else is refused before a book exists.
    uint256 private constant SUPPLY_WEI = 1e27;

    /// @inheritdoc IVestVault
    IERC20 public immutable token;
    /// @inheritdoc IVestVault
    address public immutable book;
    /// @inheritdoc IVestVault
    uint256 public immutable grantCount;
    /// @inheritdoc IVestVault
    uint256 public immutable totalWei;
    /// @dev Word of the book that grant 0 is.
    uint256 private immutable _firstGrant;

    /// @inheritdoc IVestVault
    bool public isSealed;

    /// @inheritdoc IVestVault
    mapping(GrantId id => GrantState state) public states;
    /// @inheritdoc IVestVault
    mapping(GrantId id => address beneficiary) public newBeneficiary;
    /// @inheritdoc IVestVault
    mapping(GrantId id => address to) public offeredTo;

    /// @param token_ OPG.
    /// @param file The published file: 0x00, schedules, grants.
    /// @param announcedWei The sum that was announced; the grants must add up to exactly this.
    constructor(IERC20 token_, bytes memory file, uint256 announcedWei) {
        _checkToken(token_);
        if (file.length < 129 || file.length > 24_576 || file.length % 32 != 1 || file[0] != 0)
            revert VestVault_BadFile(file.length);
        uint256 schedules = _checkSchedules(file, address(token_));
        uint256 first = schedules * VestBook.SCHEDULE_WORDS;
        uint256 grants = file.length / 32;
        if (grants <= first) revert VestVault_BadFile(file.length);
        unchecked {
            // grants > first
            grants -= first;
        }
        uint256 sumWei = _checkGrants(file, first, grants, schedules, address(token_));
        if (sumWei != announcedWei) revert VestVault_WrongTotal(sumWei, announcedWei);

        token = token_;
        _firstGrant = first;
        grantCount = grants;
        totalWei = sumWei;
        address book_ = VestBook.create(file);
        book = book_;
        emit BookWritten(book_, book_.codehash, grants, sumWei);
    }

    /* CLAIMS */

    /// @inheritdoc IVestVault
    function seal() external {
        if (isSealed) revert VestVault_AlreadySealed();
        uint256 balanceWei = token.balanceOf(address(this));
        uint256 owedWei = totalWei;
        if (balanceWei < owedWei) revert VestVault_Underfunded(balanceWei, owedWei);
        isSealed = true;
        emit Sealed(balanceWei, owedWei);
    }

    /// @inheritdoc IVestVault
    function claim(GrantId id) external returns (uint256 amountWei) {
        amountWei = _claim(id);
        if (amountWei == 0) revert VestVault_NothingDue(id);
    }

    /// @inheritdoc IVestVault
    function claimMany(GrantId[] calldata ids) external returns (uint256 amountWei) {
        for (uint256 i; i < ids.length; ++i) {
            unchecked {
                // All grants together are below 2^100.
                amountWei += _claim(ids[i]);
            }
        }
    }

    /* HANDOVER */

    /// @inheritdoc IVestVault
    function offerHandover(GrantId id, address to) external {
        address from = _beneficiary(id, _grant(id));
        if (msg.sender != from) revert VestVault_NotBeneficiary(id, msg.sender, from);
        if (!_canHold(to, address(token))) revert VestVault_BadBeneficiary(id, to);
        offeredTo[id] = to == from ? address(0) : to;
        emit HandoverOffered(id, from, to);
    }

    /// @inheritdoc IVestVault
    function acceptHandover(GrantId id) external {
        address to = offeredTo[id];
        if (msg.sender != to) revert VestVault_NotOffered(id, msg.sender, to);
        delete offeredTo[id];
        newBeneficiary[id] = to;
        states[id].handedOver = true;
        emit HandedOver(id, to);
    }

    /* REVOCATION */

    /// @inheritdoc IVestVault
    function revoke(GrantId id, uint256 keptTranches, bytes32 reason) external {
        uint256 record = _grant(id);
        uint256 schedule = _word(VestBook.scheduleOf(record) * VestBook.SCHEDULE_WORDS);
        GrantState storage state = states[id];
        address revoker = VestBook.revoker(schedule);
        if (msg.sender != revoker) revert VestVault_NotRevoker(id, msg.sender, revoker);
        if (state.revoked) revert VestVault_AlreadyRevoked(id);
        uint256 all = VestBook.tranches(schedule);
        unchecked {
            // Both are below 256, and what is kept is below what there is.
            uint256 least = VestBook.due(schedule, block.timestamp) + VestBook.noticeMonths(schedule);
            if (keptTranches < least || keptTranches >= all) revert VestVault_NotFuture(id, keptTranches, least, all);
            state.revoked = true;
            state.keptTranches = uint8(keptTranches);
            uint256 remainderWei = VestBook.total(record) - VestBook.vested(schedule, record, keptTranches);
            emit Revoked(id, _remainderTo(record), keptTranches, remainderWei, reason);
        }
    }

    /* INTERNAL */

    /// @dev Pays up to what the schedule says now. The state changes before the token is called.
    function _claim(GrantId id) private returns (uint256 amountWei) {
        uint256 record = _grant(id);
        GrantState storage state = states[id];
        uint256 paidWei = state.paidWei;
        // A grant that was paid before was paid by a sealed vault.
        if (paidWei == 0 && !isSealed) revert VestVault_NotSealed();
        uint256 schedule = _word(VestBook.scheduleOf(record) * VestBook.SCHEDULE_WORDS);
        uint256 vestedWei = VestBook.vested(schedule, record, VestBook.due(schedule, block.timestamp));
        if (vestedWei <= paidWei) return 0;
        // vestedWei < 2^90
        state.paidWei = uint96(vestedWei);
        uint256 ownWei = vestedWei;
        if (state.revoked) {
            uint256 keptWei = VestBook.vested(schedule, record, state.keptTranches);
            if (ownWei > keptWei) ownWei = keptWei;
        }
        unchecked {
            // Each difference was compared before.
            amountWei = vestedWei - paidWei;
            if (ownWei > paidWei) {
                _pay(id, _beneficiary(id, record), ownWei - paidWei, ownWei);
                paidWei = ownWei;
            }
            if (vestedWei > paidWei) _pay(id, _remainderTo(record), vestedWei - paidWei, vestedWei);
        }
    }

    /// @dev The record of a grant.
    function _grant(GrantId id) private view returns (uint256 word) {
        uint256 count = grantCount;
        if (GrantId.unwrap(id) >= count) revert VestVault_UnknownGrant(id, count);
        unchecked {
            // Both are below the words of a contract's code.
            return _word(_firstGrant + GrantId.unwrap(id));
        }
    }

    function _word(uint256 index) private view returns (uint256) {
        return VestBook.word(book, index);
    }

    function _pay(GrantId id, address to, uint256 amountWei, uint256 paidWei) private {
        emit Claimed(id, to, amountWei, paidWei);
        token.safeTransfer(to, amountWei);
    }

    function _beneficiary(GrantId id, uint256 record) private view returns (address) {
        return states[id].handedOver ? newBeneficiary[id] : VestBook.beneficiary(record);
    }

    function _remainderTo(uint256 record) private view returns (address) {
        return address(uint160(_word(VestBook.scheduleOf(record) * VestBook.SCHEDULE_WORDS + 1)));
    }

    /// @dev Neither the zero address, nor the token, nor this contract: what they get is lost.
    function _canHold(address account, address token_) private view returns (bool) {
        return account != address(0) && account != token_ && account != address(this);
    }

    /* CONSTRUCTION */

    function _checkToken(IERC20 token_) private view {
        if (address(token_).code.length == 0) revert VestVault_NotOpg(address(token_));
        IERC20Metadata metadata = IERC20Metadata(address(token_));
        bool same =
            metadata.totalSupply() == SUPPLY_WEI &&
                metadata.decimals() == 18 &&
                keccak256(bytes(metadata.symbol())) == keccak256("OPG") &&
                keccak256(bytes(metadata.name())) == keccak256("OpenGradient");
        if (!same) revert VestVault_NotOpg(address(token_));
    }

    /// @dev The rules of the format. All schedules of a book share one anchor: start month, day, clamping.
    function _checkSchedules(bytes memory file, address token_) private view returns (uint256 count) {
        uint256 anchor = _wordOf(file, 0) & (uint256(type(uint32).max) << 40);
        count = VestBook.more(_wordOf(file, 0)) + 1;
        if (count > VestBook.MAX_SCHEDULES || file.length < 1 + 96 * count) revert VestVault_BadFile(file.length);
        for (uint256 i; i < count; ++i) {
            uint256 value = _wordOf(file, 3 * i);
            uint256 remainder = _wordOf(file, 3 * i + 1);
            uint256 day = VestBook.day(value);
            bool good =
                value & (uint256(type(uint32).max) << 40) == anchor &&
                    value >> 232 == 0 &&
                    VestBook.more(value) == count - 1 - i &&
                    VestBook.startMonth(value) >= 1970 * 12 &&
                    day != 0 &&
                    day <= 31 &&
                    (value >> 40) & 0xff == (day > 28 ? 1 : 0) &&
                    VestBook.tranches(value) != 0 &&
                    remainder >> 160 == 0 &&
                    (VestBook.revoker(value) == address(0)) == (remainder == 0) &&
                    (
                        remainder != 0
                            ? _canHold(address(uint160(remainder)), token_)
                            : VestBook.noticeMonths(value) == 0
                    ) &&
                    _wordOf(file, 3 * i + 2) != 0;
            if (!good) revert VestVault_BadSchedule(i, value);
        }
    }

    function _checkGrants(
        bytes memory file,
        uint256 first,
        uint256 grants,
        uint256 schedules,
        address token_
    ) private view returns (uint256 sumWei) {
        uint256 bad;
        // 100 gas a grant; the same in plain Solidity takes 400, which a book of 500 cannot afford.
        assembly ("memory-safe") {
            let pointer := add(add(file, 33), shl(5, first))
            for {
                let end := add(pointer, shl(5, grants))
            } lt(pointer, end) {
                pointer := add(pointer, 32)
            } {
                let value := mload(pointer)
                let to := shr(96, value)
                let amountWei := and(value, sub(shl(90, 1), 1))
                // Fewer than 2^10 amounts below 2^90 each.
                sumWei := add(sumWei, amountWei)
                let wrong := or(iszero(amountWei), iszero(lt(and(shr(90, value), 63), schedules)))
                wrong := or(wrong, or(iszero(to), or(eq(to, token_), eq(to, address()))))
                if wrong {
                    bad := pointer
                    break
                }
            }
            if bad {
                bad := sub(shr(5, sub(bad, add(file, 33))), sub(first, 1))
            }
        }
        if (bad != 0) revert VestVault_BadGrant(GrantId.wrap(bad - 1), _wordOf(file, first + bad - 1));
    }

    function _wordOf(bytes memory file, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(file, 33), shl(5, index)))
        }
    }
}
