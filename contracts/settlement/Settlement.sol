// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {Governed} from "../common/Governed.sol";
import {PackedLanes} from "../common/PackedLanes.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {IStakeHub} from "../staking/IStakeHub.sol";
import {Batches} from "./Batches.sol";
import {Earnings} from "./Earnings.sol";
import {ISettlement} from "./ISettlement.sol";
import {Policies} from "./Policies.sol";
import {Reservations} from "./Reservations.sol";
import {Policy} from "./SettlementTypes.sol";

/// @notice What a settlement contract stands on. None of it can be changed later.
struct SettlementConfig {
    IERC20 token;
    INodeRegistry nodes;
    ITeeRegistry teeRegistry;
    IStakeHub stakeHub;
    address governance;
    address guardian;
    address treasury; // payee 1, which gets the fees
    uint64 ringSize; // header hashes kept per settler, a multiple of 256
    ProtocolTimes times;
}

/// @title Settlement
/// @notice See {ISettlement}. A singleton, so that a batch touches one contract.
///
/// TOKEN
/// @dev A transfer moves exactly the amount asked. Checked at every deposit.
///
/// TRUST
/// @dev The TEE registry says which keys count, the stake hub what an operator answers with, the court (which governance
/// can replace behind its delay) who gets money back. Nobody else can move a payer's or a payee's money.
///
/// INVARIANTS
/// @dev token.balanceOf(this) = 1e9 * (all lanes + all earnings + all pending withdrawals + all fees + seizedNano).
contract Settlement is ISettlement, Batches {
    using PackedLanes for uint256;

    address internal immutable _deployer;

    /// @dev How long the former court can end its claims.
    uint32 internal immutable _longestDispute;

    /// @notice Decides claims.
    address public court;

    /// @inheritdoc ISettlement
    uint40 public formerCourtUntil;

    /// @notice The court before, which ends the claims that it opened.
    address public formerCourt;

    /// @notice Seized and not yet restored, in nano.
    uint64 public seizedNano;

    /// @dev The court, or the former one while it ends its claims.
    modifier onlyCourts() {
        if (msg.sender != court && (msg.sender != formerCourt || block.timestamp > formerCourtUntil)) {
            revert Settlement_NotCourt(msg.sender, court);
        }
        _;
    }

    constructor(
        SettlementConfig memory config,
        Policy[] memory policies
    )
        EIP712("OPG Settlement", "1")
        Governed(config.governance, config.guardian, config.times.parameterDelay)
        Policies(config.times.maxPause, config.times.pauseInterval, policies)
        Reservations(config.token, config.nodes, config.times.releaseDelay)
        Earnings(config.times.earningsDelay, config.treasury)
        Batches(
            config.teeRegistry,
            config.stakeHub,
            config.times.claimHorizon,
            config.times.answerTime,
            config.ringSize
        )
    {
        ProtocolTimesLib.check(config.times);
        _deployer = msg.sender;
        _longestDispute = config.times.longestDispute;
    }

    /// @inheritdoc ISettlement
    function setCourt(address court_) external {
        if (court == address(0)) {
            if (msg.sender != _deployer) revert Settlement_NotDeployer(msg.sender);
        } else {
            _onlyGovernance();
            if (block.timestamp <= formerCourtUntil) revert Settlement_CourtReplacedTooRecently(formerCourtUntil);
            (formerCourt, formerCourtUntil) = (court, uint40(block.timestamp) + _longestDispute);
        }
        // Zero would make the deployer name the next one.
        if (court_ == address(0)) revert Settlement_NoCourt();
        court = court_;
        emit CourtSet(court_);
    }

    /* COURT */

    /// @inheritdoc ISettlement
    function freeze(uint32 payee, uint64 amountNano) external {
        if (msg.sender != court) revert Settlement_NotCourt(msg.sender, court);
        _payees[payee].frozenNano += amountNano;
        emit Frozen(payee, amountNano);
    }

    /// @inheritdoc ISettlement
    function unfreeze(uint32 payee, uint64 amountNano) external onlyCourts {
        uint64 frozen = _payees[payee].frozenNano;
        if (amountNano > frozen) revert Settlement_NotFrozen(payee, frozen, amountNano);
        _payees[payee].frozenNano = frozen - amountNano;
        emit Unfrozen(payee, amountNano);
    }

    /// @inheritdoc ISettlement
    function seize(uint32 payee, uint64 amountNano) external onlyCourts returns (uint64 takenNano) {
        takenNano = _seize(payee, amountNano);
        seizedNano += takenNano;
    }

    /// @inheritdoc ISettlement
    function restore(
        uint32 settler,
        uint32 reservation,
        uint64 fromSeizedNano,
        uint64 pulledNano
    ) external onlyCourts nonReentrant {
        uint256 record = _records[_key(settler, reservation)];
        uint64 balance = uint64(_lanes[_laneKey(settler, reservation)].lanes.lane(reservation));
        uint64 amountNano = fromSeizedNano + pulledNano;
        // Never more than was debited, so that record - lane stays what batches took.
        if (amountNano > uint64(record) - balance) {
            revert Settlement_LaneOverflow(reservation, balance, amountNano);
        }
        seizedNano -= fromSeizedNano;
        _addToLane(settler, reservation, amountNano);
        emit Restored(settler, reservation, amountNano);
        if (pulledNano != 0) _pull(msg.sender, pulledNano);
    }
}
