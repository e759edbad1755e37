// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PackedLanes} from "../common/PackedLanes.sol";
import {ISettlement} from "./ISettlement.sol";
import {Reservations} from "./Reservations.sol";
import {Payee, Withdrawal} from "./SettlementTypes.sol";

/// @title Earnings
/// @notice Money of those who worked. It leaves after a delay longer than the claim horizon. See {ISettlement}.
///
/// INVARIANTS
/// @dev For each payee: sum of its open withdrawals = pendingNano + seizedNano.
abstract contract Earnings is ISettlement, Reservations {
    using PackedLanes for uint256;

    /// @inheritdoc ISettlement
    uint32 public immutable earningsDelay;

    mapping(uint32 payee => Payee) internal _payees;
    mapping(uint32 payee => mapping(uint32 id => Withdrawal)) internal _withdrawals;

    /// @dev key = payee / 4: the earnings of four payees, each plus 1 from registration on, so that a credit knows a
    /// registered payee without another read.
    mapping(uint256 key => LaneWord) internal _earnings;

    /// @dev The payee that fees go to.
    uint32 internal constant TREASURY = 1;

    /// @inheritdoc ISettlement
    uint32 public payeeCount;

    constructor(uint32 earningsDelay_, address treasury) {
        earningsDelay = earningsDelay_;
        _registerPayee(treasury);
    }

    /* PAYEE */

    /// @inheritdoc ISettlement
    function registerPayee(address account) external returns (uint32 payee) {
        return _registerPayee(account);
    }

    /// @inheritdoc ISettlement
    function requestWithdrawal(uint32 payee, uint64 amountNano) external returns (uint32 id) {
        Payee storage record = _payees[payee];
        if (msg.sender != record.account) revert Settlement_NotPayee(payee, msg.sender);
        if (amountNano == 0) revert Settlement_ZeroAmount();
        LaneWord storage slot = _earnings[payee >> 2];
        uint64 has = uint64(slot.lanes.lane(payee)) - 1; // registered, as its account is the caller
        if (amountNano > has) revert Settlement_EarningsShort(payee, has, amountNano);

        slot.lanes = slot.lanes.minus(payee, amountNano);
        record.pendingNano += amountNano;
        id = ++record.withdrawals;
        uint40 dueAt = uint40(block.timestamp) + earningsDelay;
        _withdrawals[payee][id] = Withdrawal({amountNano: amountNano, dueAt: dueAt});
        emit WithdrawalRequested(payee, id, amountNano, dueAt);
    }

    /// @inheritdoc ISettlement
    function withdraw(uint32 payee, uint32 id) external nonReentrant returns (uint64 amountNano) {
        Payee storage record = _payees[payee];
        Withdrawal memory due = _withdrawals[payee][id];
        if (due.dueAt == 0) revert Settlement_NoWithdrawal(payee, id);
        if (block.timestamp < due.dueAt) revert Settlement_WithdrawalNotDue(payee, id, due.dueAt);

        uint64 seized = record.seizedNano < due.amountNano ? record.seizedNano : due.amountNano;
        amountNano = due.amountNano - seized;
        delete _withdrawals[payee][id];
        record.seizedNano -= seized;
        record.pendingNano -= amountNano;
        uint256 left = uint256(earningsOf(payee)) + record.pendingNano;
        if (left < record.frozenNano) revert Settlement_EarningsFrozen(payee, left, record.frozenNano);
        emit Withdrawn(payee, id, record.account, amountNano);
        _push(record.account, amountNano);
    }

    /* VIEWS */

    /// @inheritdoc ISettlement
    function getPayee(uint32 payee) external view returns (Payee memory) {
        return _payees[payee];
    }

    /// @inheritdoc ISettlement
    function earningsOf(uint32 payee) public view returns (uint64) {
        uint256 marked = _earnings[payee >> 2].lanes.lane(payee);
        return marked == 0 ? 0 : uint64(marked - 1);
    }

    /// @inheritdoc ISettlement
    function getWithdrawal(uint32 payee, uint32 id) external view returns (Withdrawal memory) {
        return _withdrawals[payee][id];
    }

    /* INTERNAL */

    function _registerPayee(address account) internal returns (uint32 payee) {
        if (account == address(0)) revert Settlement_NotPayee(0, account);
        payee = ++payeeCount;
        _payees[payee].account = account;
        LaneWord storage slot = _earnings[payee >> 2];
        slot.lanes = slot.lanes.plus(payee, 1);
        emit PayeeRegistered(payee, account);
    }

    function _accountOf(uint32 payee) internal view override returns (address) {
        return _payees[payee].account;
    }

    /// @dev `word` with more earnings for a payee, which must be registered.
    function _addEarnings(uint256 word, uint256 payee, uint256 amountNano) internal pure returns (uint256) {
        uint256 marked = word.lane(payee);
        if (marked == 0) revert Settlement_UnknownPayee(payee);
        if (marked + amountNano > PackedLanes.MAX) revert Settlement_LaneOverflow(payee, marked - 1, amountNano);
        return word.plus(payee, amountNano);
    }

    /// @dev Takes up to `amountNano`: from the lane first, then from what is pending.
    function _seize(uint32 payee, uint64 amountNano) internal returns (uint64 takenNano) {
        if (_accountOf(payee) == address(0)) return 0;
        LaneWord storage slot = _earnings[payee >> 2];
        uint64 has = uint64(slot.lanes.lane(payee)) - 1;
        uint64 fromLane = amountNano < has ? amountNano : has;
        slot.lanes = slot.lanes.minus(payee, fromLane);

        Payee storage record = _payees[payee];
        uint64 wanted = amountNano - fromLane;
        uint64 fromPending = wanted < record.pendingNano ? wanted : record.pendingNano;
        record.pendingNano -= fromPending;
        record.seizedNano += fromPending;
        takenNano = fromLane + fromPending;
        emit Seized(payee, takenNano);
    }
}
