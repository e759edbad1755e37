// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../../contracts/settlement/ISettlement.sol";
import {Payee} from "../../../contracts/settlement/SettlementTypes.sol";
import {IStakePools} from "../../../contracts/staking/IStakePools.sol";
import {VM} from "../../helpers/Vm.sol";
import {Outflow} from "./EconomyState.sol";
import {Payers} from "./Payers.sol";
import {Reporters} from "./Reporters.sol";

/// @title Actions
/// @notice Everything that happens in the economy. No action reverts: each does what is possible, or shows that the contracts
/// refuse it for the right reason.
abstract contract Actions is Payers, Reporters {
    /* PAYEES */

    function requestWithdrawal(uint256 seed) external {
        ++calls;
        // Most often one of the settlers', because claims freeze only theirs.
        uint32 payee = uint32(
            _draw(seed, "settler", 3) == 0 ? 1 + _draw(seed, "payee", PAYEES) : 2 + _draw(seed, "payee", SETTLERS)
        );
        uint64 has = settlement.earningsOf(payee);
        if (has == 0) return;
        uint64 amountNano = _draw(seed, "all", 2) == 0 ? has : _drawAmount(seed, "amount", has);
        VM.prank(_payeeAccount(payee));
        uint32 id = settlement.requestWithdrawal(payee, amountNano);
        outflows.push(Outflow(payee, id, amountNano, clock + settlement.earningsDelay()));
        ++succeeded["request withdrawal"];
    }

    /// @notice Pays a withdrawal, or shows that it comes too early or that a claim freezes it.
    function withdraw(uint256 seed) external {
        ++calls;
        if (outflows.length == 0) return;
        uint256 position = _pickOutflow(seed);
        Outflow memory outflow = outflows[position];
        bytes memory data = abi.encodeCall(settlement.withdraw, (outflow.payee, outflow.id));
        if (clock < outflow.dueAt) {
            _mustRevert(address(settlement), data, ISettlement.Settlement_WithdrawalNotDue.selector);
            ++succeeded["refuse early withdrawal"];
            return;
        }
        Payee memory payee = settlement.getPayee(outflow.payee);
        uint64 seized = payee.seizedNano < outflow.amountNano ? payee.seizedNano : outflow.amountNano;
        uint64 amountNano = outflow.amountNano - seized;
        if (_earnings(outflow.payee) - amountNano < payee.frozenNano) {
            _mustRevert(address(settlement), data, ISettlement.Settlement_EarningsFrozen.selector);
            ++succeeded["refuse frozen withdrawal"];
            return;
        }
        uint256 before = opg.balanceOf(payee.account);
        require(settlement.withdraw(outflow.payee, outflow.id) == amountNano, "pays what was not seized");
        require(_nano(opg.balanceOf(payee.account) - before) == amountNano, "pays the payee");
        paid[outflow.payee] += amountNano;
        outflows[position] = outflows[outflows.length - 1];
        outflows.pop();
        ++succeeded["withdraw"];
    }

    /// @dev One of a payee with frozen earnings, if there is one; they are rare.
    function _pickOutflow(uint256 seed) private view returns (uint256) {
        for (uint256 i; i < outflows.length; ++i) {
            if (clock >= outflows[i].dueAt && settlement.getPayee(outflows[i].payee).frozenNano != 0) return i;
        }
        return _draw(seed, "outflow", outflows.length);
    }

    /* OPERATORS */

    function stake(uint256 seed) external {
        ++calls;
        uint32 operator = uint32(1 + _draw(seed, "operator", OPERATORS));
        uint64 amountNano = _drawAmount(
            seed,
            "amount",
            operator <= SETTLERS ? SETTLER_STAKE_NANO / 5 : VERIFIER_STAKE_NANO / 5
        );
        hub.bond(operator, amountNano);
        staked[operator] += amountNano;
        ++succeeded["stake"];
    }

    /// @notice Asks for a part, takes what has left, or shows that it has not.
    function unstake(uint256 seed) external {
        ++calls;
        uint32 operator = uint32(1 + _draw(seed, "operator", OPERATORS));
        uint256[] storage periods = leaving[operator];
        if (periods.length != 0 && _draw(seed, "finish", 4) != 0) {
            return _finishUnstake(operator, _draw(seed, "period", periods.length));
        }
        uint64 activeNano = hub.getStake(operator).selfNano;
        if (activeNano == 0) return;
        VM.prank(_owner(operator));
        hub.requestUnbond(operator, _drawAmount(seed, "amount", activeNano / 4 + 1));
        uint256 period = clock / PERIOD;
        if (periods.length == 0 || periods[periods.length - 1] < period) periods.push(period);
        ++succeeded["request unstake"];
    }

    function _finishUnstake(uint32 operator, uint256 position) private {
        uint256[] storage periods = leaving[operator];
        uint256 period = periods[position];
        uint256 leavingNano = hub.getBondBucket(operator, period);
        bytes memory data = abi.encodeCall(hub.withdrawBond, (operator, period));
        if (clock < (period + 1) * PERIOD + UNBONDING) {
            _mustRevert(address(hub), data, IStakePools.StakePools_NotYet.selector);
            ++succeeded["refuse early unstake"];
            return;
        }
        if (leavingNano == 0) {
            _mustRevert(address(hub), data, IStakePools.StakePools_NothingLeaving.selector);
        } else {
            hub.withdrawBond(operator, period);
            staked[operator] -= leavingNano;
            ++succeeded["unstake"];
        }
        for (uint256 i = position; i + 1 < periods.length; ++i) periods[i] = periods[i + 1];
        periods.pop();
    }

    /* TIME */

    /// @notice Lets time pass, in steps in which everybody does what must be done in time.
    function warp(uint256 seed) external {
        ++calls;
        uint256 end = clock + _drawAmount(seed, "seconds", _draw(seed, "long", 4) == 0 ? 12 * STEP : STEP);
        while (clock < end) {
            _pass(clock + STEP < end ? clock + STEP : end);
        }
        ++succeeded["warp"];
    }

    function pause(uint256 seed) external {
        ++calls;
        if (_draw(seed, "rarely", 4) != 0) return;
        if (clock < pauseNotBefore) {
            bytes memory data = abi.encodeCall(settlement.pause, ());
            return _mustRevert(address(settlement), data, ISettlement.Settlement_PausedTooRecently.selector);
        }
        settlement.pause();
        pauseNotBefore = clock + 4_200;
        ++succeeded["pause"];
    }
}
