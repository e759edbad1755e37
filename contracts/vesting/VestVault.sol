// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {GrantState, IVestVault} from "./IVestVault.sol";
import {Grant, GrantId, VestBook} from "./VestBook.sol";

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
    uint256 public immutable scheduleCount;
    /// @inheritdoc IVestVault
    uint256 public immutable grantCount;
    /// @inheritdoc IVestVault
    uint256 public immutable totalWei;

    /// @inheritdoc IVestVault
    bool public isSealed;

    mapping(GrantId id => GrantState state) private _states;
    mapping(GrantId id => address beneficiary) private _newBeneficiary;
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
        scheduleCount = schedules;
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
        if (balanceWei < totalWei) revert VestVault_Underfunded(balanceWei, totalWei);
        isSealed = true;
        emit Sealed(balanceWei, totalWei);
    }

    /// @inheritdoc IVestVault
    function claim(GrantId id) external returns (uint256 amountWei) {
        amountWei = _claim(id);
        if (amountWei == 0) revert VestVault_NothingDue(id);
    }

    /// @inheritdoc IVestVault
    function claimMany(GrantId[] calldata ids) external returns (uint256 amountWei) {
        for (uint256 i; i < ids.length; ++i) {
            amountWei += _claim(ids[i]);
        }
    }

    /* HANDOVER */

    /// @inheritdoc IVestVault
    function offerHandover(GrantId id, address to) external {
        address from = _beneficiary(id, grant(id).beneficiary, _states[id]);
        if (msg.sender != from) revert VestVault_NotBeneficiary(id, msg.sender, from);
        if (!_canHold(to, address(token))) revert VestVault_BadBeneficiary(id, to);
        offeredTo[id] = to == from ? address(0) : to;
        emit HandoverOffered(id, from, to);
    }

    /// @inheritdoc IVestVault
    function acceptHandover(GrantId id) external {
        address to = offeredTo[id];
        if (msg.sender != to) revert VestVault_NotOffered(id, msg.sender, to);
        address from = _beneficiary(id, grant(id).beneficiary, _states[id]);
        delete offeredTo[id];
        _newBeneficiary[id] = to;
        _states[id].handedOver = true;
        emit HandedOver(id, from, to);
    }

    /* REVOCATION */

    /// @inheritdoc IVestVault
    function revoke(GrantId id, uint256 keptTranches, string calldata reason) external {
        Grant memory g = grant(id);
        uint256 schedule = VestBook.scheduleWord(book, g.schedule);
        address revoker = VestBook.revoker(schedule);
        if (msg.sender != revoker) revert VestVault_NotRevoker(id, msg.sender, revoker);
        if (_states[id].revoked) revert VestVault_AlreadyRevoked(id);
        uint256 least = VestBook.due(schedule, block.timestamp) + VestBook.noticeMonths(schedule);
        uint256 all = VestBook.tranches(schedule);
        if (keptTranches < least || keptTranches >= all) revert VestVault_NotFuture(id, keptTranches, least, all);

        _states[id].revoked = true;
        // keptTranches < 256, the most tranches a record can have.
        _states[id].keptTranches = uint8(keptTranches);
        uint256 remainderWei = g.totalWei - VestBook.vested(schedule, g.totalWei, keptTranches);
        emit Revoked(id, revoker, _remainderTo(g.schedule), keptTranches, remainderWei, reason);
    }

    /* VIEWS */

    /// @inheritdoc IVestVault
    function grant(GrantId id) public view returns (Grant memory) {
        if (GrantId.unwrap(id) >= grantCount) revert VestVault_UnknownGrant(id, grantCount);
        unchecked {
            // Both are below the words of a contract's code.
            uint256 index = scheduleCount * VestBook.SCHEDULE_WORDS + GrantId.unwrap(id);
            return VestBook.toGrant(VestBook.word(book, index));
        }
    }

    /// @inheritdoc IVestVault
    function grantState(GrantId id) external view returns (GrantState memory) {
        return _states[id];
    }

    /// @inheritdoc IVestVault
    function beneficiaryOf(GrantId id) external view returns (address) {
        return _beneficiary(id, grant(id).beneficiary, _states[id]);
    }

    /* INTERNAL */

    /// @dev Pays up to what the schedule says now. The state changes before the token is called.
    function _claim(GrantId id) private returns (uint256 amountWei) {
        Grant memory g = grant(id);
        GrantState memory state = _states[id];
        // A grant that was paid before was paid by a sealed vault.
        if (state.paidWei == 0 && !isSealed) revert VestVault_NotSealed();
        uint256 schedule = VestBook.scheduleWord(book, g.schedule);
        uint256 vestedWei = VestBook.vested(schedule, g.totalWei, VestBook.due(schedule, block.timestamp));
        uint256 paidWei = state.paidWei;
        if (vestedWei <= paidWei) return 0;
        // vestedWei < 2^90
        _states[id].paidWei = uint96(vestedWei);
        unchecked {
            // vestedWei > paidWei
            amountWei = vestedWei - paidWei;
        }
        uint256 ownWei = vestedWei;
        if (state.revoked) {
            uint256 keptWei = VestBook.vested(schedule, g.totalWei, state.keptTranches);
            if (ownWei > keptWei) ownWei = keptWei;
        }
        if (ownWei > paidWei) {
            _pay(id, _beneficiary(id, g.beneficiary, state), ownWei - paidWei, ownWei);
            paidWei = ownWei;
        }
        if (vestedWei > paidWei) _pay(id, _remainderTo(g.schedule), vestedWei - paidWei, vestedWei);
    }

    function _pay(GrantId id, address to, uint256 amountWei, uint256 paidWei) private {
        emit Claimed(id, to, amountWei, paidWei);
        token.safeTransfer(to, amountWei);
    }

    function _beneficiary(GrantId id, address original, GrantState memory state) private view returns (address) {
        return state.handedOver ? _newBeneficiary[id] : original;
    }

    function _remainderTo(uint256 schedule) private view returns (address) {
        return address(uint160(VestBook.word(book, schedule * VestBook.SCHEDULE_WORDS + 1)));
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
        for (uint256 i; i < grants; ++i) {
            uint256 value = _wordOf(file, first + i);
            Grant memory g = VestBook.toGrant(value);
            if (g.totalWei == 0 || g.schedule >= schedules || !_canHold(g.beneficiary, token_)) {
                revert VestVault_BadGrant(GrantId.wrap(i), value);
            }
            sumWei += g.totalWei;
        }
    }

    function _wordOf(bytes memory file, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(file, 33), shl(5, index)))
        }
    }
}
