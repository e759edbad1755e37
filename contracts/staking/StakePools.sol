// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {StakeBase} from "./StakeBase.sol";
import {StakeMath} from "./StakeMath.sol";
import {Bucket, Join, Leaving, Pool, Position} from "./StakeTypes.sol";
import {Trail, TrailLib} from "./Trail.sol";

/// @title StakePools
/// @notice The books of delegations: a pool an operator, what joins it, what leaves it, and who votes with what. Moves no token
/// and knows no role.
///
/// INVARIANTS
/// @dev For each pool: nano active + joining + leaving == what came in less what went out. A holder's shares are worth at most
/// the pool. Only {_take} and what a holder itself does lower what its shares are worth, but for one nano of rounding.
abstract contract StakePools is StakeBase {
    using SafeCast for uint256;
    using TrailLib for Trail;

    /// @notice Least delegation, and least that may stay of one, in nano: 1 OPG. A pool is then never so small that its
    /// rate can be driven up.
    uint64 public constant LEAST_NANO = 1e9;

    /// @dev Pools a holder can vote in: the list that is summed for its votes, eight operators in a word.
    uint256 internal constant MAX_VOTING_POOLS = 8;

    mapping(uint32 operator => Pool) internal _pools;
    mapping(uint32 operator => mapping(uint256 epoch => Join)) internal _joins;
    mapping(uint32 operator => mapping(uint256 period => Bucket)) internal _buckets;
    mapping(uint32 operator => mapping(address holder => Position)) internal _positions;
    mapping(uint32 operator => mapping(address holder => mapping(uint256 period => Leaving))) internal _leaving;

    /// @dev Nano (64 bits) and shares (96 bits) of a pool that somebody votes in.
    mapping(uint32 operator => Trail) internal _rates;
    mapping(address holder => mapping(uint32 operator => Trail)) internal _votingShares;
    /// @dev Eight operators of 32 bits in which a holder votes or voted, filled from the lowest bits.
    mapping(address holder => uint256 operators) internal _votingPools;

    /* JOINING */

    /// @dev Puts an amount on its way into a pool. All that a holder has on the way starts anew: one date a holder.
    function _join(uint32 operator, address holder, uint64 amountNano) internal returns (uint32 epoch) {
        _roll(operator);
        Position storage position = _settled(operator, holder);
        Pool storage pool = _pools[operator];
        if (StakeMath.isWorn(_stakes[operator].delegatedNano, pool.shares)) revert StakePools_WornOut(operator);
        epoch = _joinEpoch();
        if (pool.lastJoin <= pool.joinedThrough) pool.joinedThrough = uint32(block.timestamp / epochLength);
        pool.lastJoin = epoch;
        uint64 joiningNano = position.joiningNano;
        if (joiningNano != 0) _joins[operator][position.joinEpoch].nano -= joiningNano;
        position.joiningNano = joiningNano + amountNano;
        position.joinEpoch = epoch;
        _joins[operator][epoch].nano += joiningNano + amountNano;
    }

    /// @dev Takes back what is on its way.
    function _cancelJoin(uint32 operator, address holder) internal returns (uint64 amountNano) {
        _roll(operator);
        Position storage position = _settled(operator, holder);
        amountNano = position.joiningNano;
        if (amountNano == 0) revert StakePools_NothingJoining(operator, holder);
        _joins[operator][position.joinEpoch].nano -= amountNano;
        position.joiningNano = 0;
    }

    /// @dev Lets everything join whose epoch has begun. The first to wait noted the epoch of that moment, and a deposit is at most
    /// MAX_EPOCHS_AHEAD ahead, so no more than these are looked at, however long nobody came.
    function _roll(uint32 operator) internal {
        Pool storage pool = _pools[operator];
        uint32 from = pool.joinedThrough;
        uint32 due = _dueEpoch(pool.lastJoin);
        if (from >= due) return;
        uint256 nano = _stakes[operator].delegatedNano;
        (uint256 nanoBefore, uint256 shares) = (nano, pool.shares);
        for (uint32 e = from + 1; e <= due; ++e) {
            Join storage join = _joins[operator][e];
            uint64 joinNano = join.nano;
            if (joinNano == 0) continue;
            // Fit 96 and 64 bits: see StakeMath.MOST_SHARES_PER_NANO; all tokens are 1e18 nano.
            uint96 joinShares = uint96(StakeMath.toShares(joinNano, nano, shares));
            join.shares = joinShares;
            nano += joinNano;
            shares += joinShares;
            emit Joined(operator, e, joinNano, joinShares);
        }
        pool.joinedThrough = due;
        if (nano == nanoBefore) return;
        pool.shares = uint96(shares);
        _setDelegated(operator, uint64(nano));
    }

    /// @dev What is active since an epoch that began, but not counted yet.
    function _due(uint32 operator) internal view returns (uint256 sumNano) {
        Pool storage pool = _pools[operator];
        uint256 last = _dueEpoch(pool.lastJoin);
        for (uint256 e = uint256(pool.joinedThrough) + 1; e <= last; ++e) sumNano += _joins[operator][e].nano;
    }

    /// @dev The position with what has joined turned into shares. The pool is rolled.
    function _settled(uint32 operator, address holder) internal returns (Position storage position) {
        position = _positions[operator][holder];
        uint64 joiningNano = position.joiningNano;
        if (joiningNano == 0 || position.joinEpoch > _pools[operator].joinedThrough) return position;
        uint96 shares = _joinedShares(operator, position);
        position.joiningNano = 0;
        position.shares += shares;
        if (position.voting) _moveVotes(operator, holder, position.shares, int256(uint256(shares)));
    }

    /// @dev Shares that what a position had on its way has become.
    function _joinedShares(uint32 operator, Position memory position) internal view returns (uint96 shares) {
        Join memory join = _joins[operator][position.joinEpoch];
        return uint96((uint256(position.joiningNano) * join.shares) / join.nano);
    }

    /* LEAVING */

    /// @dev Moves shares into the bucket of this period; all of them for the largest number.
    function _leave(
        uint32 operator,
        address holder,
        uint256 asked
    ) internal returns (uint256 shares, uint64 amountNano, uint256 period) {
        _roll(operator);
        Position storage position = _settled(operator, holder);
        uint256 held = position.shares;
        shares = asked == type(uint256).max ? held : asked;
        if (shares > held) revert StakePools_NotThatMuch(operator, shares, held);
        Pool storage pool = _pools[operator];
        uint256 poolNano = _stakes[operator].delegatedNano;
        uint256 staysNano = StakeMath.toNano(held - shares, poolNano, pool.shares);
        if (shares != held && staysNano < LEAST_NANO) {
            revert StakePools_TooLittleStays(operator, staysNano, LEAST_NANO);
        }
        amountNano = uint64(StakeMath.toNano(shares, poolNano, pool.shares));
        if (amountNano == 0) revert StakePools_WorthNothing(operator, shares);
        position.shares = uint96(held - shares);
        pool.shares -= uint96(shares);
        if (position.voting) _moveVotes(operator, holder, position.shares, -int256(shares));
        _setDelegated(operator, uint64(poolNano - amountNano));
        period = _period();
        _fillBucket(operator, holder, period, amountNano);
    }

    function _fillBucket(uint32 operator, address holder, uint256 period, uint64 amountNano) private {
        Bucket storage bucket = _buckets[operator][period];
        (uint64 nano, uint128 shares, uint32 era) = (bucket.nano, bucket.shares, bucket.era);
        // A slash took everything in the same period.
        if (nano == 0 && shares != 0) (shares, era) = (0, era + 1);
        // At most a nano a share. Reverts only when slashes of this very period took all but 1e-20.
        uint128 part = nano == 0 ? amountNano : ((uint256(amountNano) * shares) / nano).toUint128();
        (bucket.nano, bucket.shares, bucket.era) = (nano + amountNano, shares + part, era);
        Leaving storage leaving = _leaving[operator][holder][period];
        uint128 before = leaving.era == era ? leaving.shares : 0;
        (leaving.shares, leaving.era) = (before + part, era);
    }

    /// @dev Empties a holder's part of a bucket that has waited.
    function _withdraw(uint32 operator, address holder, uint256 period) internal returns (uint64 amountNano) {
        _checkWaited(period);
        Leaving memory leaving = _leaving[operator][holder][period];
        Bucket storage bucket = _buckets[operator][period];
        (uint64 nano, uint128 shares, uint32 era) = (bucket.nano, bucket.shares, bucket.era);
        if (leaving.shares == 0) revert StakePools_NothingLeaving(operator, holder, period);
        delete _leaving[operator][holder][period];
        if (leaving.era != era) return 0;
        amountNano = uint64((uint256(leaving.shares) * nano) / shares);
        (bucket.nano, bucket.shares) = (nano - amountNano, shares - leaving.shares);
    }

    /* SLASHING */

    /// @dev Nano of a pool that answer for a fault: what is active, and what began to leave in the fault's period or later.
    function _slashable(uint32 operator, uint256 faultAt) internal view returns (uint256 sumNano) {
        sumNano = _stakes[operator].delegatedNano + _due(operator);
        uint256 last = _period();
        for (uint256 p = faultAt / periodLength; p <= last; ++p) sumNano += _buckets[operator][p].nano;
    }

    /// @dev Takes exactly `wantNano` of what is slashable, from each part in proportion: a part gives floor(missing * part / rest)
    /// of what the parts before it left. What is active comes first and so never gives more than its share; the odd nano
    /// come from the buckets, the latest first. The pool is rolled.
    /// @param sumNano {_slashable} for the fault; at least `wantNano`.
    function _take(uint32 operator, uint256 faultAt, uint256 wantNano, uint256 sumNano) internal {
        if (wantNano == 0) return;
        uint256 nano = _stakes[operator].delegatedNano;
        uint256 part = (nano * wantNano) / sumNano;
        if (part != 0) _setDelegated(operator, uint64(nano - part));
        (wantNano, sumNano) = (wantNano - part, sumNano - nano);
        uint256 first = faultAt / periodLength;
        // `wantNano <= sumNano` holds after each part, so it ends where nothing is missing.
        for (uint256 p = _period(); wantNano != 0 && p >= first; --p) {
            Bucket storage bucket = _buckets[operator][p];
            nano = bucket.nano;
            if (nano == 0) continue;
            part = (nano * wantNano) / sumNano;
            (wantNano, sumNano) = (wantNano - part, sumNano - nano);
            bucket.nano = uint64(nano - part);
        }
    }

    /* VOTES */

    /// @dev Lets a holder's position count as votes, or no longer.
    function _setVoting(uint32 operator, address holder, bool voting) internal {
        _roll(operator);
        Position storage position = _settled(operator, holder);
        if (position.voting == voting) return;
        position.voting = voting;
        uint96 shares = position.shares;
        if (voting) {
            _addVotingPool(holder, operator);
            _moveVotes(operator, holder, shares, int256(uint256(shares)));
        } else {
            _moveVotes(operator, holder, 0, -int256(uint256(shares)));
        }
        emit VotingSet(operator, holder, voting);
    }

    /// @dev Adds to the pools that are summed for a holder's votes. One in which it votes no more makes room when there is
    /// none, and the holder loses its past votes there.
    function _addVotingPool(address holder, uint32 operator) private {
        uint256 operators = _votingPools[holder];
        uint256 free = MAX_VOTING_POOLS;
        for (uint256 i; i < MAX_VOTING_POOLS; ++i) {
            uint32 other = uint32(operators >> (32 * i));
            if (other == operator) return;
            if (other == 0) {
                free = i;
                break;
            }
        }
        for (uint256 i; i < MAX_VOTING_POOLS && free == MAX_VOTING_POOLS; ++i) {
            if (!_positions[uint32(operators >> (32 * i))][holder].voting) free = i;
        }
        if (free == MAX_VOTING_POOLS) revert StakePools_TooManyVotingPools(holder, MAX_VOTING_POOLS);
        operators &= ~(uint256(type(uint32).max) << (32 * free));
        _votingPools[holder] = operators | (uint256(operator) << (32 * free));
    }

    /// @dev Notes that a holder now votes with `shares`, `change` more than before.
    function _moveVotes(uint32 operator, address holder, uint96 shares, int256 change) private {
        Pool storage pool = _pools[operator];
        uint256 before = pool.votingShares;
        _votingShares[holder][operator].set(shares);
        // Those of holders who vote, each of them at most what it has: fits as all shares do.
        pool.votingShares = uint96(uint256(int256(before) + change));
        _noteRate(operator, before);
    }

    /// @dev Sets the active nano, and notes what shares are worth where somebody votes with them.
    function _setDelegated(uint32 operator, uint64 nano) internal {
        _stakes[operator].delegatedNano = nano;
        uint256 votingShares = _pools[operator].votingShares;
        if (votingShares != 0) _noteRate(operator, votingShares);
    }

    /// @dev 64 and 96 bits: fits the 176 bits of a {Trail}, as do all votes.
    /// @param votingBefore Shares that voted at the rate noted last.
    function _noteRate(uint32 operator, uint256 votingBefore) private {
        Pool storage pool = _pools[operator];
        uint256 rate = (uint256(_stakes[operator].delegatedNano) << 96) | pool.shares;
        Trail storage rates = _rates[operator];
        uint256 worthBefore = _worthAt(rates.value, votingBefore);
        rates.set(rate);
        _moveTotalVotes(worthBefore, _worthAt(rate, pool.votingShares));
    }

    /// @dev Nano that shares are worth at a rate of {_rates}, rounded down.
    function _worthAt(uint256 rate, uint256 shares) internal pure returns (uint256 nano) {
        return shares == 0 ? 0 : StakeMath.toNano(shares, rate >> 96, uint96(rate));
    }
}
