// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlashOrder} from "../../../contracts/staking/IStakeHub.sol";
import {IStakePools} from "../../../contracts/staking/IStakePools.sol";
import {Position, Stake} from "../../../contracts/staking/StakeTypes.sol";
import {VM} from "../../helpers/Vm.sol";
import {StakingState} from "./StakingState.sol";

/// @title StakingActions
/// @notice Everything that can be done with a hub. Law 16 is checked around each action: nobody but a slash, and a holder itself,
/// lowers what somebody's active stake is worth by more than a nano.
abstract contract StakingActions is StakingState {
    modifier lowersNobodyBut(uint256 seed, bool holderActs) {
        // Joins of before are no part of the action.
        uint32 operator = _operator(seed);
        hub.roll(operator);
        uint256[HOLDERS] memory worth;
        for (uint256 i; i < HOLDERS; ++i) (, worth[i]) = hub.getPosition(operator, _holder(i));
        uint256 acting = holderActs ? _draw(seed, "holder", HOLDERS) : HOLDERS;
        _;
        hub.roll(operator);
        for (uint256 i; i < HOLDERS; ++i) {
            (, uint256 later) = hub.getPosition(operator, _holder(i));
            require(i == acting || later + 1 >= worth[i], "law 16");
        }
    }

    function bond(uint256 seed) external lowersNobodyBut(seed, false) {
        uint64 amountNano = _amount(seed);
        hub.bond(_operator(seed), amountNano);
        balanceNano += amountNano;
        _noteOnce(epochs[_operator(seed)], (clock + ACTIVATION) / EPOCH + 1);
        ++succeeded["bond"];
    }

    function delegateTo(uint256 seed) external lowersNobodyBut(seed, true) {
        uint64 amountNano = 1e9 + _amount(seed);
        address holder = _holder(_draw(seed, "holder", HOLDERS));
        _mustSucceed(holder, abi.encodeCall(hub.delegateTo, (_operator(seed), amountNano)));
        balanceNano += amountNano;
        _noteOnce(epochs[_operator(seed)], (clock + ACTIVATION) / EPOCH + 1);
        _noteVotes(_operator(seed), holder);
        ++succeeded["delegateTo"];
    }

    function cancel(uint256 seed) external lowersNobodyBut(seed, false) {
        uint32 operator = _operator(seed);
        address holder = _holder(_draw(seed, "holder", HOLDERS));
        (Position memory position, ) = hub.getPosition(operator, holder);
        bytes memory data = abi.encodeCall(hub.cancelDelegation, (operator));
        if (position.joiningNano == 0) {
            _mustRevert(holder, data, IStakePools.StakePools_NothingJoining.selector);
            return;
        }
        _mustSucceed(holder, data);
        balanceNano -= position.joiningNano;
        _noteVotes(operator, holder);
        ++succeeded["cancel"];
    }

    function requestUnbond(uint256 seed) external lowersNobodyBut(seed, false) {
        uint32 operator = _operator(seed);
        uint64 selfNano = hub.getStake(operator).selfNano;
        if (selfNano == 0) return;
        uint64 amountNano = _draw(seed, "all", 6) == 0 ? selfNano : uint64(1 + _draw(seed, "part", selfNano));
        _mustSucceed(nodes.ownerOf(operator), abi.encodeCall(hub.requestUnbond, (operator, amountNano)));
        _noteOnce(periods[operator], clock / PERIOD);
        ++succeeded["requestUnbond"];
    }

    function undelegate(uint256 seed) external lowersNobodyBut(seed, true) {
        uint32 operator = _operator(seed);
        address holder = _holder(_draw(seed, "holder", HOLDERS));
        (Position memory position, uint256 worthNano) = hub.getPosition(operator, holder);
        if (worthNano == 0) return;
        uint256 shares = _draw(seed, "part", position.shares) + 1;
        if (_draw(seed, "all", 3) == 0 || worthNano < 3e9) shares = type(uint256).max;
        else if (((position.shares - shares) * worthNano) / position.shares < 2e9) shares = position.shares / 3;
        _mustSucceed(holder, abi.encodeCall(hub.undelegate, (operator, shares, 0)));
        _noteOnce(periods[operator], clock / PERIOD);
        _noteVotes(operator, holder);
        ++succeeded["undelegate"];
    }

    /// @notice Everything of a period that has left: whoever is in it, in a random order.
    function withdraw(uint256 seed) external lowersNobodyBut(seed, false) {
        uint32 operator = _operator(seed);
        if (periods[operator].length == 0) return;
        _withdraw(operator, periods[operator][_draw(seed, "period", periods[operator].length)], seed);
    }

    function _withdraw(uint32 operator, uint256 period, uint256 seed) internal {
        bool due = clock >= (period + 1) * PERIOD + UNBONDING;
        uint256 first = _draw(seed, "first", HOLDERS);
        for (uint256 i; i < HOLDERS; ++i) {
            address holder = _holder((first + i) % HOLDERS);
            if (hub.getLeaving(operator, holder, period) == 0) continue;
            bytes memory data = abi.encodeCall(hub.withdraw, (operator, holder, period));
            if (!due) {
                _mustRevert(address(this), data, IStakePools.StakePools_NotYet.selector);
                continue;
            }
            uint256 before = opg.balanceOf(holder);
            _mustSucceed(address(this), data);
            balanceNano -= (opg.balanceOf(holder) - before) / 1e9;
            ++succeeded["withdraw"];
        }
        uint256 ownNano = hub.getBondBucket(operator, period);
        if (ownNano == 0 || !due) return;
        hub.withdrawBond(operator, period);
        balanceNano -= ownNano;
        ++succeeded["withdrawBond"];
    }

    function reward(uint256 seed) external lowersNobodyBut(seed, false) {
        uint32 operator = _operator(seed);
        if (hub.getStake(operator).selfNano == 0) return;
        uint64 amountNano = _amount(seed) / 100 + 1;
        hub.reward(operator, amountNano);
        balanceNano += amountNano;
        ++succeeded["reward"];
    }

    /// @notice What the effective stake is, a part of all, or more than there is; for a fault of now, or of some time ago.
    function slash(uint256 seed) external {
        uint32 operator = _operator(seed);
        hub.roll(operator);
        uint64 effectiveNano = hub.effectiveStake(operator);
        uint64 wantNano = [effectiveNano, _amount(seed), type(uint64).max][_draw(seed, "want", 3)];
        uint256 faultAt = clock - (_draw(seed, "old", 2) == 0 ? 0 : _draw(seed, "age", ACTIVATION + 1));
        uint64 delegatedNano = hub.getStake(operator).delegatedNano;
        SlashOrder memory order = SlashOrder({
            operator: operator,
            amountNano: wantNano,
            harmed: address(0),
            harmedNano: 0,
            reporter: address(0),
            reporterNano: 0,
            evidenceId: bytes32(++evidences),
            faultAt: uint40(faultAt)
        });
        (uint64 takenNano, ) = hub.slash(order);
        balanceNano -= takenNano;
        // Law 19.
        require(takenNano <= wantNano, "no more than asked");
        require(takenNano >= (wantNano < effectiveNano ? wantNano : effectiveNano), "what is effective can be taken");
        Stake memory later = hub.getStake(operator);
        require(uint256(later.delegatedNano) * 10 >= uint256(delegatedNano) * 9, "a tenth at most");
        require(
            (1e18 - uint256(later.lost)) * (1e18 - uint256(later.lostBefore)) + 1e18 >= 0.75e36,
            "a quarter at most"
        );
        if (takenNano != 0) ++succeeded["slash"];
        if (later.delegatedNano < delegatedNano) ++succeeded["slash delegators"];
    }

    function setVoting(uint256 seed) external lowersNobodyBut(seed, false) {
        uint32 operator = _operator(seed);
        bool voting = _draw(seed, "voting", 3) != 0;
        if (_draw(seed, "who", 3) == 0) {
            _mustSucceed(nodes.ownerOf(operator), abi.encodeCall(hub.setBondVoting, (operator, voting)));
        } else {
            address holder = _holder(_draw(seed, "holder", HOLDERS));
            _mustSucceed(holder, abi.encodeCall(hub.setVoting, (operator, voting)));
            _noteVotes(operator, holder);
        }
        ++succeeded["setVoting"];
    }

    function handOver(uint256 seed) external {
        uint32 operator = _operator(seed);
        address to = _owner(_draw(seed, "to", OWNERS));
        if (nodes.operatorOwnedBy(to) != 0) return;
        VM.prank(nodes.ownerOf(operator));
        nodes.proposeOwner(operator, to);
        VM.prank(to);
        nodes.acceptOwner(operator);
        hub.roll(operator);
        ++succeeded["handOver"];
    }

    function warp(uint256 seed) external {
        uint256 kind = _draw(seed, "kind", 6);
        if (kind == 0) clock += 1 + _draw(seed, "long", 2 * UNBONDING);
        else if (kind == 1) clock = (clock / EPOCH + 1) * EPOCH;
        else if (kind == 2) clock = (clock / PERIOD + 1) * PERIOD;
        else clock += 1 + _draw(seed, "short", EPOCH);
        VM.warp(clock);
    }
}
