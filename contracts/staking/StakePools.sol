// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PPM} from "../common/Nano.sol";
import {StakeBase} from "./StakeBase.sol";
import {StakeMath} from "./StakeMath.sol";
import {Bucket, Caps, Join, Pool, Position, Stake} from "./StakeTypes.sol";
import {Trail, TrailLib} from "./Trail.sol";

/// @title StakePools
/// @notice The books of delegations: a pool an operator, what joins it, what leaves it, and who votes with what. Moves no token
/// and knows no role.
///
/// INVARIANTS
/// @dev For each pool: nano active + joining + leaving == what came in less what went out. A holder's shares are worth at most
/// the pool. Only {_take} and what a holder itself does lower what its shares are worth, but for one nano of rounding.
abstract contract StakePools is StakeBase {
    using TrailLib for Trail;

    /// @notice Least delegation, and least that may stay of one, in nano: 1 OPG. A pool is then never so small that its
    /// rate can be driven up.
    uint64 public constant LEAST_NANO = 1e9;

    /// @dev Pools a holder can vote in: the list that is summed for its votes, eight operators in a word.
    uint256 internal constant MAX_VOTING_POOLS = 8;

    /// @dev One whole of {Stake-lost} and {Bucket-lost}.
    uint256 internal constant WHOLE = 1e18;

    mapping(uint32 operator => Pool) internal _pools;
    mapping(uint32 operator => mapping(uint256 epoch => Join)) internal _joins;
    mapping(uint32 operator => mapping(uint256 period => Bucket)) internal _buckets;
    mapping(uint32 operator => mapping(address holder => Position)) internal _positions;
    mapping(uint32 operator => mapping(address holder => mapping(uint256 period => uint256 shares))) internal _leaving;

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
        uint32 lastJoin = pool.lastJoin;
        if (lastJoin <= pool.joinedThrough) pool.joinedThrough = uint32(block.timestamp / epochLength);
        if (lastJoin != epoch) pool.lastJoin = epoch;
        uint64 before = position.joiningNano;
        uint64 joiningNano = before + amountNano;
        if (before != 0) _joins[operator][position.joinEpoch].nano -= before;
        (position.joiningNano, position.joinEpoch) = (joiningNano, epoch);
        _joins[operator][epoch].nano += joiningNano;
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
        if (position.voting) {
            // Notes the rate too.
            _stakes[operator].delegatedNano = uint64(poolNano - amountNano);
            _moveVotes(operator, holder, uint96(held - shares), -int256(shares));
        } else {
            _setDelegated(operator, uint64(poolNano - amountNano));
        }
        period = _period();
        _fillBucket(operator, holder, period, amountNano);
    }

    function _fillBucket(uint32 operator, address holder, uint256 period, uint64 amountNano) private {
        Bucket storage bucket = _buckets[operator][period];
        (uint64 nano, uint96 shares, uint64 lost) = (bucket.nano, bucket.shares, bucket.lost);
        // A slash never takes so much that these do not fit: see {_room}.
        uint96 part = nano == 0 ? amountNano : uint96((uint256(amountNano) * shares) / nano);
        // Every order that hits the bucket of this period hits what is active as hard: they differ by roundings, and by a
        // window that ended.
        uint64 lostActive = uint64(WHOLE - _keptActive(operator));
        bucket.lost = nano == 0 || lostActive < lost ? lostActive : lost;
        (bucket.nano, bucket.shares) = (nano + amountNano, shares + part);
        _leaving[operator][holder][period] += part;
    }

    /// @dev Empties a holder's part of a bucket that has waited.
    function _withdraw(uint32 operator, address holder, uint256 period) internal returns (uint64 amountNano) {
        _checkWaited(period);
        uint256 part = _leaving[operator][holder][period];
        if (part == 0) revert StakePools_NothingLeaving(operator, holder, period);
        Bucket storage bucket = _buckets[operator][period];
        (uint64 nano, uint96 shares) = (bucket.nano, bucket.shares);
        amountNano = uint64((part * nano) / shares);
        (bucket.nano, bucket.shares) = (nano - amountNano, uint96(shares - part));
        delete _leaving[operator][holder][period];
    }

    /* SLASHING */

    /// @dev What an order can take of what answers for a fault: of what is active, and of what began to leave in the fault's
    /// period or later.
    function _takeable(uint32 operator, uint256 faultAt, Caps memory caps) internal view returns (uint256 sumRoom) {
        sumRoom = _room(_stakes[operator].delegatedNano + _due(operator), _keptActive(operator), caps);
        uint256 last = _period();
        for (uint256 p = faultAt / periodLength; p <= last; ++p) {
            Bucket memory bucket = _buckets[operator][p];
            sumRoom += _room(bucket.nano, WHOLE - bucket.lost, caps);
        }
    }

    /// @dev What an order can take of a part: at most the event's part, and so that those in it keep what the window leaves them.
    /// Each part has its own past, so that slashes of those who stayed use up nothing of what those who left answer with, nor
    /// the other way round.
    function _room(uint256 nano, uint256 kept, Caps memory caps) internal pure returns (uint256 roomNano) {
        if (nano == 0) return 0;
        uint256 mustStay = (nano * (PPM - caps.windowPpm) * (WHOLE / PPM) + kept - 1) / kept;
        roomNano = mustStay < nano ? nano - mustStay : 0;
        uint256 ofEvent = (nano * caps.eventPpm) / PPM;
        if (roomNano > ofEvent) roomNano = ofEvent;
    }

    /// @dev Takes exactly `wantNano` of what is slashable, from each part in proportion to its room: a part gives
    /// floor(missing * room / rest) of what the parts before it left, never more than its room. The pool is rolled.
    /// @param sumRoom See {_takeable}; at least `wantNano`.
    function _take(uint32 operator, uint256 wantNano, Caps memory caps, uint256 sumRoom) internal {
        uint256 nano = _stakes[operator].delegatedNano;
        uint256 room = _room(nano, _keptActive(operator), caps);
        uint256 part = (room * wantNano) / sumRoom;
        if (part != 0) _takeActive(operator, nano, part);
        (wantNano, sumRoom) = (wantNano - part, sumRoom - room);
        // `wantNano <= sumRoom` holds after each part, so nothing is missing after the last one.
        for (uint256 p = _period(); wantNano != 0; --p) {
            Bucket storage bucket = _buckets[operator][p];
            uint256 lost = bucket.lost;
            nano = bucket.nano;
            room = _room(nano, WHOLE - lost, caps);
            if (room == 0) continue;
            part = (room * wantNano) / sumRoom;
            (wantNano, sumRoom) = (wantNano - part, sumRoom - room);
            bucket.nano = uint64(nano - part);
            bucket.lost = uint64(lost + ((WHOLE - lost) * part) / nano);
        }
    }

    function _takeActive(uint32 operator, uint256 nano, uint256 part) private {
        (uint256 lost, uint256 lostBefore) = _losses(operator);
        Stake storage stake = _stakes[operator];
        // Rounded down by one of 1e18, for cover: what is left can be taken.
        (stake.lost, stake.lostBefore) = (uint64(lost + ((WHOLE - lost) * part) / nano), uint64(lostBefore));
        _bonds[operator].window = uint32(block.timestamp / unbonding);
        _setDelegated(operator, uint64(nano - part));
    }

    /// @dev Windows are unbonding times; two are counted, so that no span of one unbonding time sees more than the limit.
    function _losses(uint32 operator) private view returns (uint256 lost, uint256 lostBefore) {
        Stake memory stake = _stakes[operator];
        if (stake.lost == 0 && stake.lostBefore == 0) return (0, 0);
        uint256 passed = block.timestamp / unbonding - _bonds[operator].window;
        if (passed == 0) return (stake.lost, stake.lostBefore);
        return (0, passed == 1 ? stake.lost : 0);
    }

    /// @dev What this window and the one before left of one whole, rounded up.
    function _keptActive(uint32 operator) internal view returns (uint256 kept) {
        (uint256 lost, uint256 lostBefore) = _losses(operator);
        return ((WHOLE - lost) * (WHOLE - lostBefore) + WHOLE - 1) / WHOLE;
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
