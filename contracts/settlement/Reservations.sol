// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {PackedLanes} from "../common/PackedLanes.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {ISettlement} from "./ISettlement.sol";
import {Messages} from "./Messages.sol";
import {Policies} from "./Policies.sol";
import {Policy, Release, Settler, Terms} from "./SettlementTypes.sol";
import {SettlerState, SettlerStateLib} from "./SettlerState.sol";

/// @title Reservations
/// @notice Money of payers, set aside per settler. See {ISettlement}.
///
/// INVARIANTS
/// @dev For each reservation: record - lane = what batches debited less what the court restored.
abstract contract Reservations is ISettlement, Policies, ReentrancyGuardTransient {
    using PackedLanes for uint256;
    using SafeERC20 for IERC20;

    IERC20 public immutable token;
    INodeRegistry public immutable nodes;

    /// @inheritdoc ISettlement
    uint32 public immutable releaseDelay;

    /// @dev What a payer and the committer need of a settler, in one slot: 4 + 4 + 20 = 28 bytes.
    struct Opening {
        uint32 payee;
        uint32 reservations;
        address committer; // sends batches and vouches for what verifiers are asked
    }

    mapping(uint32 settler => Opening) internal _openings;
    mapping(uint256 settler => SettlerState) internal _states;

    /// @dev Four `uint64` amounts, see {PackedLanes}. A struct, so that a reference to it can be kept while looping.
    struct LaneWord {
        uint256 lanes;
    }

    /// @dev key = settler << 32 | index / 4: the balances of four reservations.
    mapping(uint256 key => LaneWord) internal _lanes;

    /// @dev key = settler << 32 | index: high 192 bits of the terms' hash, then the net deposit.
    mapping(uint256 key => uint256 record) internal _records;

    mapping(uint256 key => Release) internal _releases;

    constructor(IERC20 token_, INodeRegistry nodes_, uint32 releaseDelay_) {
        token = token_;
        nodes = nodes_;
        releaseDelay = releaseDelay_;
    }

    /* SETTLER */

    /// @inheritdoc ISettlement
    function openSettler(uint32 operator, uint32 payee, address committer) external {
        _checkOperatorOwner(operator);
        // The court takes refunds from this account, so it must be the caller's own.
        if (_accountOf(payee) != msg.sender) revert Settlement_NotPayee(payee, msg.sender);
        if (_openings[operator].payee != 0) revert Settlement_AlreadyOpen(operator);
        _openings[operator] = Opening({payee: payee, reservations: 0, committer: committer});
        _states[operator] = SettlerStateLib.pack({
            nextSequence_: 0,
            batches_: 0,
            levelAt_: uint40(block.timestamp),
            levelNano_: 0,
            feesNano_: 0
        });
        emit SettlerOpened(operator, payee);
        emit CommitterSet(operator, committer);
    }

    /// @inheritdoc ISettlement
    function setCommitter(uint32 settler, address committer) external {
        _checkOperatorOwner(settler);
        Opening storage opening = _openings[settler];
        if (opening.payee == 0) revert Settlement_UnknownSettler(settler);
        opening.committer = committer;
        emit CommitterSet(settler, committer);
    }

    /* PAYER */

    /// @inheritdoc ISettlement
    function reserve(
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano
    ) external nonReentrant returns (uint32 reservation) {
        Terms memory terms = Terms({payer: msg.sender, voucherKey: voucherKey, policy: policy});
        reservation = _open(settler, terms, amountNano);
        _pull(msg.sender, amountNano);
    }

    /// @inheritdoc ISettlement
    function reserveWithPermit(
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (uint32 reservation) {
        Terms memory terms = Terms({payer: msg.sender, voucherKey: voucherKey, policy: policy});
        reservation = _open(settler, terms, amountNano);
        uint256 amountWei = amountNano * WEI_PER_NANO;
        // A front-run permit leaves the allowance in place, so its failure alone is no reason to fail.
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amountWei, deadline, v, r, s) {} catch {}
        _pull(msg.sender, amountNano);
    }

    /// @inheritdoc ISettlement
    function reserveWithAuthorization(
        address payer,
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (uint32 reservation) {
        Terms memory terms = Terms({payer: payer, voucherKey: voucherKey, policy: policy});
        reservation = _open(settler, terms, amountNano);
        bytes32 nonce = authorizationNonce(settler, voucherKey, policy, amountNano, salt);
        uint256 before = token.balanceOf(address(this));
        uint256 amountWei = amountNano * WEI_PER_NANO;
        IERC3009(address(token)).receiveWithAuthorization(
            payer,
            address(this),
            amountWei,
            validAfter,
            validBefore,
            nonce,
            v,
            r,
            s
        );
        _checkMoved(before, amountWei);
    }

    /// @inheritdoc ISettlement
    function topUp(uint32 settler, uint32 reservation, uint64 amountNano) external nonReentrant {
        if (amountNano == 0) revert Settlement_ZeroAmount();
        _checkNotPaused(pausedUntil);
        uint256 key = _key(settler, reservation);
        uint256 record = _records[key];
        if (record == 0) revert Settlement_UnknownReservation(settler, reservation);
        // Checked, so that the sum cannot reach into the hash above it.
        if (amountNano > type(uint64).max - uint64(record)) {
            revert Settlement_LaneOverflow(reservation, uint64(record), amountNano);
        }
        _records[key] = record + amountNano;
        _addToLane(settler, reservation, amountNano);
        emit ToppedUp(settler, reservation, msg.sender, amountNano);
        _pull(msg.sender, amountNano);
    }

    /// @inheritdoc ISettlement
    function requestRelease(uint32 settler, uint32 reservation, Terms calldata terms, uint64 amountNano) external {
        _checkPayer(settler, reservation, terms);
        if (amountNano == 0) revert Settlement_ZeroAmount();
        uint40 dueAt = uint40(block.timestamp) + releaseDelay;
        _releases[_key(settler, reservation)] = Release({amountNano: amountNano, dueAt: dueAt});
        emit ReleaseRequested(settler, reservation, amountNano, dueAt);
    }

    /// @inheritdoc ISettlement
    function cancelRelease(uint32 settler, uint32 reservation, Terms calldata terms) external {
        _checkPayer(settler, reservation, terms);
        uint256 key = _key(settler, reservation);
        if (_releases[key].dueAt == 0) revert Settlement_NoRelease(settler, reservation);
        delete _releases[key];
        emit ReleaseCancelled(settler, reservation);
    }

    /// @inheritdoc ISettlement
    function release(
        uint32 settler,
        uint32 reservation,
        Terms calldata terms
    ) external nonReentrant returns (uint64 amountNano) {
        _checkTerms(settler, reservation, terms);
        uint256 key = _key(settler, reservation);
        Release memory pending = _releases[key];
        if (pending.dueAt == 0) revert Settlement_NoRelease(settler, reservation);
        if (block.timestamp < pending.dueAt) revert Settlement_ReleaseNotDue(settler, reservation, pending.dueAt);

        LaneWord storage slot = _lanes[_laneKey(settler, reservation)];
        uint64 balance = uint64(slot.lanes.lane(reservation));
        amountNano = pending.amountNano < balance ? pending.amountNano : balance;
        delete _releases[key];
        slot.lanes = slot.lanes.minus(reservation, amountNano);
        _records[key] -= amountNano; // net >= lane >= amount, so the hash above it is not touched
        emit Released(settler, reservation, terms.payer, amountNano);
        _push(terms.payer, amountNano);
    }

    /* VIEWS */

    /// @inheritdoc ISettlement
    function getSettler(uint32 settler) external view returns (Settler memory) {
        Opening memory opening = _openings[settler];
        SettlerState state = _states[settler];
        return
            Settler({
                payee: opening.payee,
                reservations: opening.reservations,
                nextSequence: state.nextSequence(),
                batches: state.batches(),
                levelNano: state.levelNano(),
                levelAt: state.levelAt(),
                feesNano: state.feesNano(),
                committer: opening.committer
            });
    }

    /// @inheritdoc ISettlement
    function getReservation(
        uint32 settler,
        uint32 reservation
    ) external view returns (uint64 balanceNano, uint64 netNano, uint192 termsHash192) {
        uint256 record = _records[_key(settler, reservation)];
        balanceNano = uint64(_lanes[_laneKey(settler, reservation)].lanes.lane(reservation));
        return (balanceNano, uint64(record), uint192(record >> 64));
    }

    /// @inheritdoc ISettlement
    function getRelease(uint32 settler, uint32 reservation) external view returns (Release memory) {
        return _releases[_key(settler, reservation)];
    }

    /// @inheritdoc ISettlement
    function authorizationNonce(
        uint32 settler,
        address voucherKey,
        uint16 policy,
        uint64 amountNano,
        bytes32 salt
    ) public pure returns (bytes32) {
        return keccak256(abi.encode("OPG reserve", settler, voucherKey, policy, amountNano, salt));
    }

    /* INTERNAL */

    function _accountOf(uint32 payee) internal view virtual returns (address);

    function _checkOperatorOwner(uint32 operator) internal view {
        if (operator == 0 || nodes.ownerOf(operator) != msg.sender) {
            revert Settlement_NotOperatorOwner(operator, msg.sender);
        }
    }

    function _open(uint32 settler, Terms memory terms, uint64 amountNano) internal returns (uint32 reservation) {
        if (amountNano == 0) revert Settlement_ZeroAmount();
        if (terms.voucherKey == address(0)) revert Settlement_NoVoucherKey();
        Policy storage policy = _policies[terms.policy];
        if (policy.quorum == 0) revert Settlement_UnknownPolicy(terms.policy);
        if (policy.retiredAt != 0) revert Settlement_PolicyRetired(terms.policy, policy.retiredAt);
        _checkNotPaused(policy.pausedUntil);
        Opening storage opening = _openings[settler];
        if (opening.payee == 0) revert Settlement_UnknownSettler(settler);

        reservation = opening.reservations++;
        _records[_key(settler, reservation)] = ((uint256(Messages.termsHash(terms)) >> 64) << 64) | amountNano;
        _addToLane(settler, reservation, amountNano);
        emit Reserved(settler, reservation, terms.payer, terms.voucherKey, terms.policy, amountNano);
    }

    function _addToLane(uint32 settler, uint32 reservation, uint64 amountNano) internal {
        LaneWord storage slot = _lanes[_laneKey(settler, reservation)];
        uint256 has = slot.lanes.lane(reservation);
        if (has + amountNano > PackedLanes.MAX) revert Settlement_LaneOverflow(reservation, has, amountNano);
        slot.lanes = slot.lanes.plus(reservation, amountNano);
    }

    function _checkPayer(uint32 settler, uint32 reservation, Terms calldata terms) internal view {
        _checkTerms(settler, reservation, terms);
        if (msg.sender != terms.payer) revert Settlement_NotPayer(msg.sender, terms.payer);
    }

    function _checkTerms(uint32 settler, uint32 reservation, Terms calldata terms) internal view {
        uint256 record = _records[_key(settler, reservation)];
        if (record == 0) revert Settlement_UnknownReservation(settler, reservation);
        bytes32 given = Messages.termsHash(terms);
        if (record >> 64 != uint256(given) >> 64) revert Settlement_WrongTerms(settler, reservation, given);
    }

    function _pull(address from, uint64 amountNano) internal {
        uint256 before = token.balanceOf(address(this));
        uint256 amountWei = amountNano * WEI_PER_NANO;
        token.safeTransferFrom(from, address(this), amountWei);
        _checkMoved(before, amountWei);
    }

    function _push(address to, uint64 amountNano) internal {
        if (amountNano != 0) token.safeTransfer(to, amountNano * WEI_PER_NANO);
    }

    function _checkMoved(uint256 before, uint256 askedWei) private view {
        uint256 movedWei = token.balanceOf(address(this)) - before;
        if (movedWei != askedWei) revert Settlement_TokenMoved(movedWei, askedWei);
    }

    function _key(uint32 settler, uint32 reservation) internal pure returns (uint256) {
        return (uint256(settler) << 32) | reservation;
    }

    function _laneKey(uint32 settler, uint256 reservation) internal pure returns (uint256) {
        return (uint256(settler) << 32) | (reservation >> 2);
    }
}
