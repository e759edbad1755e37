// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Laws} from "./handlers/Laws.sol";

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @notice The laws of README.md, checked after every action. Handler and test are one contract: one that creates the other
/// would be compiled twice.
contract EconomyInvariants is Laws {
    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(this);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(this), _actions());
    }

    /// @dev One function: each is a campaign of its own.
    /// hardhat-config: invariant.failOnRevert = true
    function invariant_EconomyObeysItsLaws() public view {
        checkSolvency();
        checkReservations();
        checkPayees();
        checkBonds();
        checkSettlers();
        checkSupply();
    }

    /// @notice A long life of the economy, in which everything must happen many times: laws over nothing are worthless.
    function test_EveryActionSucceedsOften() public {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 2_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("a long life", i)));
            bytes4 action = actions[seed % actions.length];
            _mustSucceed(address(this), abi.encodeWithSelector(action, seed));
            if (i % 20 == 0) invariant_EconomyObeysItsLaws();
        }
        _requireOften();
    }

    /// @notice A settler that does nothing but debit what is not owed: its stake gives all of it back, because cover keeps
    /// debits under the stake and fines wait until payers are refunded.
    function test_LawsHoldWhenTheSettlerOnlyCheats() public {
        bytes4[5] memory actions = [
            this.reserve.selector,
            this.topUp.selector,
            this.topUp.selector,
            this.commitBogus.selector,
            this.warp.selector
        ];
        uint256 before = hub.slashableStake(1);
        for (uint256 i; i < 1_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("a short life", i)));
            _mustSucceed(address(this), abi.encodeWithSelector(actions[seed % 5], seed));
            invariant_EconomyObeysItsLaws();
        }
        require(hub.slashableStake(1) < before / 10, "the settler lost nearly all");
        require(succeeded["refund"] >= 20, "its debits were claimed");
        require(succeeded["punish"] >= 5, "and it was fined");
        require(succeeded["refund from payees"] == 0, "no payee had to give anything back");
    }

    function _requireOften() private view {
        bytes32[32] memory often = [
            bytes32("top up"),
            "request release",
            "release",
            "refuse early release",
            "commit",
            "debit rows",
            "commit bogus",
            "refuse mutated batch",
            "collect fees",
            "prove",
            "final",
            "claim",
            "challenge",
            "answer",
            "refuse answer",
            "refund",
            "refuse early refund",
            "punish",
            "report request",
            "report price",
            "report policy",
            "refuse report",
            "refund excess",
            "demand",
            "open",
            "refuse false window",
            "request withdrawal",
            "withdraw",
            "stake",
            "request unstake",
            "warp",
            "refuse while paused"
        ];
        for (uint256 i; i < often.length; ++i) require(succeeded[often[i]] >= 20, string(abi.encodePacked(often[i])));
        bytes32[12] memory sometimes = [
            bytes32("reserve"),
            "cancel release",
            "report sequence",
            "end demand",
            "refuse late claim",
            "refuse early fine",
            "answer without later debits",
            "refuse second claim",
            "refuse early withdrawal",
            "unstake",
            "refuse early unstake",
            "pause"
        ];
        for (uint256 i; i < sometimes.length; ++i) {
            require(succeeded[sometimes[i]] >= 5, string(abi.encodePacked(sometimes[i])));
        }
        require(succeeded["refuse frozen withdrawal"] != 0, "a claim freezes earnings");
        require(succeeded["held up"] != 0, "a claim holds up finality");
    }

    function _actions() internal pure returns (bytes4[] memory actions) {
        actions = new bytes4[](26);
        uint256 i;
        actions[i++] = this.reserve.selector;
        actions[i++] = this.topUp.selector;
        actions[i++] = this.requestRelease.selector;
        actions[i++] = this.release.selector;
        actions[i++] = this.commit.selector;
        actions[i++] = this.commit.selector;
        actions[i++] = this.commitBogus.selector;
        actions[i++] = this.commitBogus.selector;
        actions[i++] = this.commitMutated.selector;
        actions[i++] = this.collectFees.selector;
        actions[i++] = this.prove.selector;
        actions[i++] = this.watch.selector;
        actions[i++] = this.challenge.selector;
        actions[i++] = this.answer.selector;
        actions[i++] = this.refund.selector;
        actions[i++] = this.punish.selector;
        actions[i++] = this.report.selector;
        actions[i++] = this.demand.selector;
        actions[i++] = this.open.selector;
        actions[i++] = this.requestWithdrawal.selector;
        actions[i++] = this.withdraw.selector;
        actions[i++] = this.stake.selector;
        actions[i++] = this.unstake.selector;
        actions[i++] = this.warp.selector;
        actions[i++] = this.warp.selector;
        actions[i++] = this.pause.selector;
    }
}
