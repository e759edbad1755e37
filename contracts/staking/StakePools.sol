// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IStakePools} from "./IStakePools.sol";
import {StakeMath} from "./StakeMath.sol";
import {Bucket, Join, Leaving, Pool, PoolId, Position, Stake} from "./StakeTypes.sol";

/// @title StakePools
/// @notice The books of stake: two pools an operator, what joins them, what leaves them, and who votes with what. Moves no
/// token and knows no role. See {IStakePools}.
///
/// INVARIANTS
/// @dev For each pool: nano active + joining + leaving == what came in less what went out. A holder's shares are worth at most
/// the pool. Only {_take} and what a holder itself does lower what its shares are worth, but for one nano of rounding.
abstract contract StakePools is IStakePools {
    using Checkpoints for Checkpoints.Trace208;

    /// @notice Length of an epoch, in seconds: stake joins at the start of one.
    uint32 public immutable epochLength;

    /// @notice Length of a period, in seconds: what leaves in one period shares a bucket.
    uint32 public immutable periodLength;

    /// @notice Between a deposit and the start of the epoch in which it is active, at least, in seconds.
    uint32 public immutable stakeActivation;

    /// @notice How long leaving stake stays slashable, in seconds, counted from the end of its period.
    uint32 public immutable unbonding;

    /// @dev Periods in an unbonding time.
    uint256 internal constant PERIODS = 14;

    /// @dev Pools a holder can vote in: the list that is summed for its votes.
    uint256 internal constant MAX_VOTING_POOLS = 8;

    mapping(uint32 operator => Stake) internal _stakes;
    mapping(PoolId pool => Pool) internal _pools;
    mapping(PoolId pool => mapping(uint256 epoch => Join)) internal _joins;
    mapping(PoolId pool => mapping(uint256 period => Bucket)) internal _buckets;
    mapping(PoolId pool => mapping(address holder => Position)) internal _positions;
    mapping(PoolId pool => mapping(address holder => mapping(uint256 period => Leaving))) internal _leaving;

    /// @dev Nano (64 bits) and shares (96 bits) of an era of a pool that somebody votes in.
    mapping(PoolId pool => mapping(uint32 era => Checkpoints.Trace208)) internal _rates;
    mapping(address holder => mapping(PoolId pool => mapping(uint32 era => Checkpoints.Trace208))) internal _votingShares;
    /// @dev Pool and era, 32 bits, of each place in which a holder votes or voted.
    mapping(address holder => uint256[] places) internal _votingPlaces;
    Checkpoints.Trace208 internal _totalVotes;

    constructor(uint32 epochLength_, uint32 stakeActivation_, uint32 unbonding_) {
        if (epochLength_ == 0 || unbonding_ < PERIODS) revert StakePools_BadTimes(epochLength_, unbonding_);
        epochLength = epochLength_;
        stakeActivation = stakeActivation_;
        unbonding = unbonding_;
        periodLength = uint32(unbonding_ / PERIODS);
    }

    /* JOINING */

    /// @dev Puts an amount on its way into a pool. All that a holder has on the way starts anew: one date a holder.
    function _join(PoolId pool, address holder, uint64 amountNano) internal returns (uint32 epoch) {
        _roll(pool);
        Position storage position = _settled(pool, holder);
        epoch = uint32((block.timestamp + stakeActivation) / epochLength) + 1;
        uint64 joiningNano = position.joiningNano;
        if (joiningNano != 0) _joins[pool][position.joinEpoch].nano -= joiningNano;
        position.joiningNano = joiningNano + amountNano;
        position.joinEpoch = epoch;
        _joins[pool][epoch].nano += joiningNano + amountNano;
    }

    /// @dev Takes back what is on its way.
    function _cancelJoin(PoolId pool, address holder) internal returns (uint64 amountNano) {
        _roll(pool);
        Position storage position = _settled(pool, holder);
        amountNano = position.joiningNano;
        if (amountNano == 0) revert StakePools_NothingJoining(pool, holder);
        _joins[pool][position.joinEpoch].nano -= amountNano;
        position.joiningNano = 0;
    }

    /// @dev Lets everything join whose epoch has begun. A deposit is at most {_horizon} epochs ahead, and rolls the pool
    /// first, so no more than these can wait, however long nobody came.
    function _roll(PoolId pool) internal {
        Pool storage current = _pools[pool];
        uint256 epoch = block.timestamp / epochLength;
        uint256 from = current.joinedThrough;
        if (from >= epoch) return;
        // Epochs fit 32 bits until the year 2106 at a length of one second.
        current.joinedThrough = uint32(epoch);
        uint256 last = from + _horizon();
        if (last > epoch) last = epoch;
        for (uint256 e = from + 1; e <= last; ++e) {
            Join storage join = _joins[pool][e];
            uint64 nano = join.nano;
            if (nano == 0) continue;
            uint256 poolNano = _nanoOf(pool);
            // 96 bits: see StakeMath.MOST_SHARES_PER_NANO.
            uint96 shares = uint96(StakeMath.toShares(nano, poolNano, current.shares));
            join.shares = shares;
            join.era = current.era;
            current.shares += shares;
            _setNano(pool, uint64(poolNano + nano));
            emit Joined(pool, uint32(e), nano, shares);
            _checkpoint(pool);
        }
    }

    function _horizon() internal view returns (uint256 epochs) {
        return stakeActivation / epochLength + 2;
    }

    /// @dev The position with what has joined turned into shares, and shares of a former era dropped. The pool is rolled.
    function _settled(PoolId pool, address holder) internal returns (Position storage position) {
        position = _positions[pool][holder];
        Pool memory current = _pools[pool];
        if (position.era != current.era) {
            position.era = current.era;
            position.shares = 0;
            position.voting = false;
        }
        uint64 joiningNano = position.joiningNano;
        if (joiningNano == 0 || position.joinEpoch > current.joinedThrough) return position;
        Join memory join = _joins[pool][position.joinEpoch];
        position.joiningNano = 0;
        if (join.era != current.era) return position;
        uint96 shares = uint96((uint256(joiningNano) * join.shares) / join.nano);
        position.shares += shares;
        if (position.voting) _moveVotes(pool, holder, position.shares, int256(uint256(shares)));
    }

    /* LEAVING */

    /// @dev Moves shares into the bucket of this period.
    function _leave(PoolId pool, address holder, uint256 shares) internal returns (uint64 amountNano, uint256 period) {
        Position storage position = _settled(pool, holder);
        if (shares == 0 || shares > position.shares) revert StakePools_TooMany(pool, holder, shares, position.shares);
        Pool storage current = _pools[pool];
        uint256 poolNano = _nanoOf(pool);
        amountNano = uint64(StakeMath.toNano(shares, poolNano, current.shares));
        if (amountNano == 0) revert StakePools_WorthNothing(pool, shares);
        position.shares -= uint96(shares);
        current.shares -= uint96(shares);
        _setNano(pool, uint64(poolNano - amountNano));
        if (position.voting) _moveVotes(pool, holder, position.shares, -int256(shares));
        _checkpoint(pool);

        period = block.timestamp / periodLength;
        Bucket storage bucket = _buckets[pool][period];
        if (bucket.nano == 0 && bucket.shares != 0) {
            bucket.shares = 0;
            ++bucket.era;
        }
        uint96 part = bucket.nano == 0
            ? amountNano
            : uint96((uint256(amountNano) * bucket.shares) / bucket.nano);
        bucket.nano += amountNano;
        bucket.shares += part;
        Leaving storage leaving = _leaving[pool][holder][period];
        if (leaving.era != bucket.era) (leaving.shares, leaving.era) = (0, bucket.era);
        leaving.shares += part;
    }

    /// @dev Empties a holder's part of a bucket that has waited.
    function _withdraw(PoolId pool, address holder, uint256 period) internal returns (uint64 amountNano) {
        uint256 from = (period + 1) * periodLength + unbonding;
        if (block.timestamp < from) revert StakePools_NotYet(pool, period, from);
        Leaving memory leaving = _leaving[pool][holder][period];
        Bucket storage bucket = _buckets[pool][period];
        if (leaving.shares == 0 || leaving.era != bucket.era) revert StakePools_NothingLeaving(pool, holder, period);
        amountNano = uint64((uint256(leaving.shares) * bucket.nano) / bucket.shares);
        bucket.nano -= amountNano;
        bucket.shares -= leaving.shares;
        delete _leaving[pool][holder][period];
    }

    /* SLASHING */

    /// @notice Nano of a pool that answer for a fault: what is active, and what began to leave in the fault's period or later.
    function slashable(PoolId pool, uint256 faultAt) public view returns (uint256 sumNano) {
        sumNano = _nanoOf(pool);
        uint256 last = block.timestamp / periodLength;
        for (uint256 period = faultAt / periodLength; period <= last; ++period) {
            sumNano += _buckets[pool][period].nano;
        }
    }

    /// @dev Takes `wantNano` of what is slashable, from each part in proportion to it: a part gives floor(missing * part / rest) of
    /// what the parts before it left, so the sum is exact and no part differs from its share by more than a nano for each part
    /// before it. A pool or bucket that is left with next to nothing is closed, and what it had is taken too.
    /// @param sumNano {slashable} for the fault; at least `wantNano`. The pool is rolled.
    /// @return takenNano At least `wantNano`; more only by what closing swept up.
    function _take(PoolId pool, uint256 faultAt, uint256 wantNano, uint256 sumNano) internal returns (uint256 takenNano) {
        if (wantNano == 0) return 0;
        uint256 last = block.timestamp / periodLength;
        for (uint256 period = faultAt / periodLength; period <= last; ++period) {
            Bucket storage bucket = _buckets[pool][period];
            uint256 nano = bucket.nano;
            if (nano == 0) continue;
            uint256 part = (nano * wantNano) / sumNano;
            wantNano -= part;
            sumNano -= nano;
            uint256 left = nano - part;
            if (left * StakeMath.MOST_SHARES_PER_NANO < bucket.shares) (part, left) = (nano, 0);
            takenNano += part;
            bucket.nano = uint64(left);
        }
        // What is still missing is at most what the pool has: `wantNano <= sumNano` holds after each part.
        Pool storage current = _pools[pool];
        uint256 rest = sumNano - wantNano;
        if (current.shares != 0 && rest * StakeMath.MOST_SHARES_PER_NANO < current.shares) {
            takenNano += sumNano;
            _setNano(pool, 0);
            _close(pool);
        } else {
            takenNano += wantNano;
            _setNano(pool, uint64(rest));
            _checkpoint(pool);
        }
    }

    /// @dev Ends an era: its shares are worth nothing, and who comes next finds an empty pool.
    function _close(PoolId pool) private {
        Pool storage current = _pools[pool];
        uint32 era = current.era;
        if (current.votingShares != 0) {
            uint208 worth = _worthAt(_rates[pool][era].latest(), current.votingShares);
            _rates[pool][era].push(_now(), 0);
            _totalVotes.push(_now(), _totalVotes.latest() - worth);
        }
        current.shares = 0;
        current.votingShares = 0;
        current.era = era + 1;
        emit EraClosed(pool, era);
    }

    /* VOTES */

    /// @dev Lets a holder's position count as votes, or no longer.
    function _setVoting(PoolId pool, address holder, bool voting) internal {
        _roll(pool);
        Position storage position = _settled(pool, holder);
        if (position.voting == voting) revert StakePools_VotingStands(pool, holder, voting);
        position.voting = voting;
        uint32 era = position.era;
        if (voting) {
            _addPlace(holder, (PoolId.unwrap(pool) << 32) | era);
            _moveVotes(pool, holder, position.shares, int256(uint256(position.shares)));
        } else {
            _moveVotes(pool, holder, 0, -int256(uint256(position.shares)));
        }
        emit VotingSet(pool, holder, voting);
    }

    /// @dev Adds to the places that are summed for a holder's votes. A place without votes makes room when there is none.
    function _addPlace(address holder, uint256 place) private {
        uint256[] storage places = _votingPlaces[holder];
        uint256 count = places.length;
        uint256 free = count;
        for (uint256 i; i < count; ++i) {
            uint256 other = places[i];
            if (other == place) return;
            PoolId pool = PoolId.wrap(other >> 32);
            bool ended = uint32(other) != _pools[pool].era || !_positions[pool][holder].voting;
            if (ended && free == count) free = i;
        }
        if (count < MAX_VOTING_POOLS) places.push(place);
        else if (free < count) places[free] = place;
        else revert StakePools_TooManyVotingPools(holder, MAX_VOTING_POOLS);
    }

    /// @dev Notes that a holder now votes with `shares`, `change` more than before.
    function _moveVotes(PoolId pool, address holder, uint96 shares, int256 change) private {
        Pool storage current = _pools[pool];
        uint32 era = current.era;
        _votingShares[holder][pool][era].push(_now(), shares);
        uint256 before = _worthAt(_rates[pool][era].latest(), current.votingShares);
        current.votingShares = uint96(uint256(int256(uint256(current.votingShares)) + change));
        _noteRate(pool, current, before);
    }

    /// @dev Notes what the shares of a pool are worth now, where somebody votes with them.
    function _checkpoint(PoolId pool) internal {
        Pool storage current = _pools[pool];
        if (current.votingShares == 0) return;
        _noteRate(pool, current, _worthAt(_rates[pool][current.era].latest(), current.votingShares));
    }

    function _noteRate(PoolId pool, Pool storage current, uint256 before) private {
        uint208 rate = uint208((_nanoOf(pool) << 96) | current.shares);
        _rates[pool][current.era].push(_now(), rate);
        uint208 worth = _worthAt(rate, current.votingShares);
        _totalVotes.push(_now(), uint208(_totalVotes.latest() - before + worth));
    }

    /// @dev Nano that shares are worth at a rate of {_rates}, rounded down.
    function _worthAt(uint256 rate, uint256 shares) internal pure returns (uint208 nano) {
        uint256 poolShares = uint96(rate);
        if (poolShares == 0) return 0;
        return uint208(StakeMath.toNano(shares, rate >> 96, poolShares));
    }

    function _now() internal view returns (uint48) {
        return uint48(block.timestamp);
    }

    /* TIERS */

    function _operatorOf(PoolId pool) internal pure returns (uint32 operator) {
        return uint32(PoolId.unwrap(pool) >> 1);
    }

    function _nanoOf(PoolId pool) internal view returns (uint256) {
        Stake storage stake = _stakes[_operatorOf(pool)];
        return PoolId.unwrap(pool) & 1 == 0 ? stake.selfNano : stake.delegatedNano;
    }

    function _setNano(PoolId pool, uint64 nano) internal {
        Stake storage stake = _stakes[_operatorOf(pool)];
        if (PoolId.unwrap(pool) & 1 == 0) stake.selfNano = nano;
        else stake.delegatedNano = nano;
    }
}
