// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pool, Position, Stake} from "../../contracts/staking/StakeTypes.sol";
import {VM} from "../helpers/Vm.sol";
import {StakingActions} from "./handlers/StakingActions.sol";

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @notice The laws 15 to 19 of README.md, checked after every action.
contract StakingInvariants is StakingActions {
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
    /// hardhat-config: invariant.depth = 256
    function invariant_StakingObeysItsLaws() public view {
        checkSolvency();
        checkVotes();
        checkShares();
    }

    /// @notice Law 15.
    function checkSolvency() public view {
        uint256 sumNano;
        for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
            Stake memory stake = hub.getStake(operator);
            sumNano += uint256(stake.selfNano) + stake.delegatedNano;
            (uint256 bondEpoch, uint256 poolEpoch) = (
                hub.getBond(operator).joinedThrough,
                hub.getPool(operator).joinedThrough
            );
            for (uint256 i; i < epochs[operator].length; ++i) {
                uint256 epoch = epochs[operator][i];
                if (epoch > bondEpoch) sumNano += hub.getBondJoin(operator, epoch);
                if (epoch > poolEpoch) sumNano += hub.getJoin(operator, epoch).nano;
            }
            for (uint256 i; i < periods[operator].length; ++i) {
                uint256 period = periods[operator][i];
                sumNano += hub.getBondBucket(operator, period) + hub.getBucket(operator, period).nano;
            }
        }
        require(sumNano == balanceNano, "active + joining + leaving");
        require(opg.balanceOf(address(hub)) == balanceNano * 1e9, "balance");
    }

    /// @notice Law 17.
    function checkVotes() public view {
        uint256 votes;
        uint256 activeNano;
        for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
            Stake memory stake = hub.getStake(operator);
            activeNano += uint256(stake.selfNano) + stake.delegatedNano;
        }
        uint256[OPERATORS] memory ofPool;
        for (uint256 i; i < HOLDERS; ++i) {
            uint256 ownNano;
            uint256 shouldNano;
            for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
                (, uint256 worthNano) = hub.getPosition(operator, _holder(i));
                ownNano += worthNano;
                uint256 worth = _worth(operator, votingShares[operator][_holder(i)]);
                shouldNano += worth;
                ofPool[operator - 1] += worth;
            }
            uint256 own = hub.getVotes(_holder(i));
            require(own == shouldNano, "votes == active shares * rate");
            require(own <= ownNano, "votes of a delegator <= its active stake");
            votes += own;
        }
        for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
            require(ofPool[operator - 1] <= hub.getStake(operator).delegatedNano, "votes of a pool <= its nano");
        }
        for (uint256 i; i < OWNERS; ++i) {
            uint256 own = hub.getVotes(_owner(i));
            uint32 operator = nodes.operatorOwnedBy(_owner(i));
            require(own <= (operator == 0 ? 0 : hub.getStake(operator).selfNano), "votes of an owner <= its bond");
            votes += own;
        }
        require(votes <= activeNano, "votes <= active stake");
        uint256 pastVotes;
        for (uint256 i; i < HOLDERS; ++i) pastVotes += hub.getPastVotes(_holder(i), clock - 1);
        for (uint256 i; i < OWNERS; ++i) pastVotes += hub.getPastVotes(_owner(i), clock - 1);
        require(pastVotes <= hub.getPastTotalSupply(clock - 1), "votes <= supply");
    }

    /// @dev Of shares, at the rate of now.
    function _worth(uint32 operator, uint256 shares) private view returns (uint256) {
        return
            (shares * (uint256(hub.getStake(operator).delegatedNano) + 1)) /
            (uint256(hub.getPool(operator).shares) + 1e6);
    }

    /// @notice Law 18.
    function checkShares() public view {
        for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
            Pool memory pool = hub.getPool(operator);
            require(pool.votingShares <= pool.shares, "voting shares <= shares");
            uint256 shares;
            uint256 worth;
            for (uint256 i; i < HOLDERS; ++i) {
                (Position memory position, uint256 worthNano) = hub.getPosition(operator, _holder(i));
                shares += position.shares;
                worth += worthNano;
            }
            require(shares <= pool.shares, "shares of positions <= shares of the pool");
            require(worth <= hub.getStake(operator).delegatedNano, "worth of positions <= pool");
            for (uint256 p; p < periods[operator].length; ++p) {
                uint256 leaving;
                uint256 period = periods[operator][p];
                for (uint256 i; i < HOLDERS; ++i) leaving += hub.getLeaving(operator, _holder(i), period);
                require(leaving == hub.getBucket(operator, period).shares, "shares of a bucket");
            }
        }
    }

    /// @notice A life in which everything must happen many times, and at whose end everything is paid.
    function test_EveryActionSucceedsOften() public {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 1_500; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("a life of the hub", i)));
            (bool ok, bytes memory reason) = address(this).call(
                abi.encodeWithSelector(actions[seed % actions.length], seed)
            );
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(reason, 32), mload(reason))
                }
            }
            if (i % 10 == 0) invariant_StakingObeysItsLaws();
        }
        _end();
        bytes32[11] memory often = [
            bytes32("bond"),
            "delegateTo",
            "cancel",
            "requestUnbond",
            "undelegate",
            "withdraw",
            "reward",
            "slash",
            "slash delegators",
            "setVoting",
            "handOver"
        ];
        for (uint256 i; i < often.length; ++i) require(succeeded[often[i]] >= 20, string(abi.encodePacked(often[i])));
        require(succeeded["withdrawBond"] >= 5, "withdrawBond");
    }

    /// @dev Whatever was done before: in the end all leave, and nothing is left but what rounding left.
    function _end() private {
        clock += ACTIVATION + EPOCH;
        VM.warp(clock);
        for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
            hub.roll(operator);
            for (uint256 i; i < HOLDERS; ++i) {
                (, uint256 worthNano) = hub.getPosition(operator, _holder(i));
                if (worthNano == 0) continue;
                _mustSucceed(_holder(i), abi.encodeCall(hub.undelegate, (operator, type(uint256).max, 0)));
                _noteVotes(operator, _holder(i));
            }
            uint64 selfNano = hub.getStake(operator).selfNano;
            if (selfNano != 0) {
                _mustSucceed(nodes.ownerOf(operator), abi.encodeCall(hub.requestUnbond, (operator, selfNano)));
            }
            _noteOnce(periods[operator], clock / PERIOD);
        }
        clock += UNBONDING + PERIOD;
        VM.warp(clock);
        for (uint32 operator = 1; operator <= OPERATORS; ++operator) {
            for (uint256 i; i < periods[operator].length; ++i) _withdraw(operator, periods[operator][i], i);
        }
        invariant_StakingObeysItsLaws();
        require(balanceNano < 1_000, "nothing is left");
    }

    function _actions() private pure returns (bytes4[] memory actions) {
        actions = new bytes4[](13);
        actions[0] = this.bond.selector;
        actions[1] = this.delegateTo.selector;
        actions[2] = this.delegateTo.selector;
        actions[3] = this.cancel.selector;
        actions[4] = this.requestUnbond.selector;
        actions[5] = this.undelegate.selector;
        actions[6] = this.withdraw.selector;
        actions[7] = this.reward.selector;
        actions[8] = this.slash.selector;
        actions[9] = this.setVoting.selector;
        actions[10] = this.handOver.selector;
        actions[11] = this.warp.selector;
        actions[12] = this.warp.selector;
    }
}
