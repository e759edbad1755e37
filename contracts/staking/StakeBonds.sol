// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PackedLanes} from "../common/PackedLanes.sol";
import {StakeBase} from "./StakeBase.sol";
import {Bond} from "./StakeTypes.sol";
import {Trail, TrailLib} from "./Trail.sol";

/// @title StakeBonds
/// @notice The books of operators' own bonds. A bond has one holder, whoever owns the operator, so it is counted in nano: no
/// shares, no rounding. Moves no token.
///
/// Notes:
/// - Sums of lanes stay inside 64 bits: all tokens are 1e18 nano, and the hub takes the money in the same call.
abstract contract StakeBonds is StakeBase {
    using TrailLib for Trail;
    using PackedLanes for uint256;

    /// @dev Amounts in nano, four epochs or periods a word.
    mapping(uint32 operator => mapping(uint256 word => uint256 lanes)) private _bondJoins;
    mapping(uint32 operator => mapping(uint256 word => uint256 lanes)) private _bondBuckets;

    /// @dev Nano of own bonds that count for an account.
    mapping(address voter => Trail) internal _bondVotes;

    function _ownerOf(uint32 operator) internal view virtual returns (address);

    /* JOINING */

    /// @dev Each deposit has a date of its own, so that nobody can put off another's by adding to it.
    function _joinBond(uint32 operator, uint64 amountNano) internal returns (uint32 epoch) {
        _rollBond(operator);
        epoch = _joinEpoch();
        Bond storage bond = _bonds[operator];
        if (bond.lastJoin <= bond.joinedThrough) bond.joinedThrough = uint32(block.timestamp / epochLength);
        bond.lastJoin = epoch;
        mapping(uint256 => uint256) storage joins = _bondJoins[operator];
        joins[epoch / 4] = joins[epoch / 4].plus(epoch, amountNano);
    }

    /// @dev Takes back all that is on its way.
    function _cancelBond(uint32 operator) internal returns (uint64 amountNano) {
        _rollBond(operator);
        Bond storage bond = _bonds[operator];
        mapping(uint256 => uint256) storage joins = _bondJoins[operator];
        for (uint256 e = uint256(bond.joinedThrough) + 1; e <= bond.lastJoin; ++e) {
            uint256 nano = joins[e / 4].lane(e);
            if (nano == 0) continue;
            amountNano += uint64(nano);
            joins[e / 4] = joins[e / 4].minus(e, nano);
        }
        if (amountNano == 0) revert StakePools_NothingJoining(operator, _ownerOf(operator));
    }

    /// @dev Lets everything join whose epoch has begun.
    function _rollBond(uint32 operator) internal {
        uint256 nano = _dueBond(operator);
        Bond storage bond = _bonds[operator];
        uint32 due = _dueEpoch(bond.lastJoin);
        if (due > bond.joinedThrough) bond.joinedThrough = due;
        if (nano == 0) return;
        emit BondJoined(operator, uint64(nano));
        _setBond(operator, uint64(_stakes[operator].selfNano + nano));
    }

    /// @dev What is active since an epoch that began, but not counted yet.
    function _dueBond(uint32 operator) internal view returns (uint256 sumNano) {
        Bond storage bond = _bonds[operator];
        uint256 last = _dueEpoch(bond.lastJoin);
        for (uint256 e = uint256(bond.joinedThrough) + 1; e <= last; ++e) {
            sumNano += _bondJoins[operator][e / 4].lane(e);
        }
    }

    /* LEAVING */

    /// @dev The bond is rolled.
    function _leaveBond(uint32 operator, uint64 amountNano) internal returns (uint256 period) {
        uint64 selfNano = _stakes[operator].selfNano;
        if (amountNano > selfNano) revert StakePools_NotThatMuch(operator, amountNano, selfNano);
        _setBond(operator, selfNano - amountNano);
        period = _period();
        mapping(uint256 => uint256) storage buckets = _bondBuckets[operator];
        buckets[period / 4] = buckets[period / 4].plus(period, amountNano);
    }

    function _withdrawBond(uint32 operator, uint256 period) internal returns (uint64 amountNano) {
        _checkWaited(period);
        amountNano = uint64(_bondBucket(operator, period));
        if (amountNano == 0) revert StakePools_NothingLeaving(operator, _ownerOf(operator), period);
        mapping(uint256 => uint256) storage buckets = _bondBuckets[operator];
        buckets[period / 4] = buckets[period / 4].minus(period, amountNano);
    }

    /* SLASHING */

    /// @dev Nano that answer for a fault: what is active, and what began to leave in the fault's period or later.
    function _slashableBond(uint32 operator, uint256 faultAt) internal view returns (uint256 sumNano) {
        sumNano = _stakes[operator].selfNano + _dueBond(operator);
        uint256 last = _period();
        for (uint256 p = faultAt / periodLength; p <= last; ++p) sumNano += _bondBucket(operator, p);
    }

    /// @dev Takes what left first, because it answers for the fewest faults, and what is active last. The bond is rolled.
    function _takeBond(uint32 operator, uint256 faultAt, uint256 wantNano) internal returns (uint256 takenNano) {
        mapping(uint256 => uint256) storage buckets = _bondBuckets[operator];
        uint256 last = _period();
        for (uint256 p = faultAt / periodLength; p <= last && takenNano < wantNano; ++p) {
            uint256 lanes = buckets[p / 4];
            uint256 nano = lanes.lane(p);
            uint256 part = nano < wantNano - takenNano ? nano : wantNano - takenNano;
            if (part == 0) continue;
            takenNano += part;
            buckets[p / 4] = lanes.minus(p, part);
        }
        uint256 selfNano = _stakes[operator].selfNano;
        uint256 active = selfNano < wantNano - takenNano ? selfNano : wantNano - takenNano;
        if (active != 0) _setBond(operator, uint64(selfNano - active));
        takenNano += active;
    }

    /* VOTES */

    /// @dev The bond is rolled. Whoever it counted for before loses it.
    function _setBondVoter(uint32 operator, address voter) internal {
        address former = _bonds[operator].voter;
        if (former == voter) return;
        uint64 selfNano = _stakes[operator].selfNano;
        _bonds[operator].voter = voter;
        if (former != address(0)) {
            _moveBondVotes(former, selfNano, 0);
            emit BondVotingSet(operator, former, false);
        }
        if (voter != address(0)) {
            _moveBondVotes(voter, 0, selfNano);
            emit BondVotingSet(operator, voter, true);
        }
    }

    /// @dev Ends the votes of somebody who handed the operator over.
    function _checkVoter(uint32 operator) internal {
        address voter = _bonds[operator].voter;
        if (voter != address(0) && voter != _ownerOf(operator)) _setBondVoter(operator, address(0));
    }

    function _setBond(uint32 operator, uint64 nano) internal {
        _checkVoter(operator);
        address voter = _bonds[operator].voter;
        if (voter != address(0)) _moveBondVotes(voter, _stakes[operator].selfNano, nano);
        _stakes[operator].selfNano = nano;
    }

    function _moveBondVotes(address voter, uint256 beforeNano, uint256 afterNano) private {
        Trail storage trail = _bondVotes[voter];
        trail.set(trail.value + afterNano - beforeNano);
        _moveTotalVotes(beforeNano, afterNano);
    }

    /* VIEWS */

    function _bondBucket(uint32 operator, uint256 period) internal view returns (uint256 nano) {
        return _bondBuckets[operator][period / 4].lane(period);
    }

    function _bondJoin(uint32 operator, uint256 epoch) internal view returns (uint256 nano) {
        return _bondJoins[operator][epoch / 4].lane(epoch);
    }
}
