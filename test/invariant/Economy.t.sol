// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EconomyHandler} from "./handlers/EconomyHandler.sol";

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @notice The laws of README.md, checked after every action.
contract EconomyInvariants {
    EconomyHandler internal handler;

    function setUp() public {
        handler = new EconomyHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), _actions());
    }

    /// @dev One function: each is a campaign of its own.
    /// hardhat-config: invariant.failOnRevert = true
    function invariant_EconomyObeysItsLaws() public view {
        handler.checkSolvency();
        handler.checkReservations();
        handler.checkPayees();
        handler.checkBonds();
        handler.checkSettlers();
        handler.checkSupply();
    }

    /// @notice A long life of the economy, in which everything must happen many times: laws over nothing are worthless.
    function test_EveryActionSucceedsOften() public {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 2_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("a long life", i)));
            bytes4 action = actions[seed % actions.length];
            (bool ok, bytes memory reason) = address(handler).call(abi.encodeWithSelector(action, seed));
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(reason, 32), mload(reason))
                }
            }
            if (i % 20 == 0) invariant_EconomyObeysItsLaws();
        }
        require(handler.calls() == 2_000, "each action counts itself");
    }

    function _actions() internal view returns (bytes4[] memory actions) {
        actions = new bytes4[](21);
        uint256 i;
        actions[i++] = handler.reserve.selector;
        actions[i++] = handler.topUp.selector;
        actions[i++] = handler.requestRelease.selector;
        actions[i++] = handler.release.selector;
        actions[i++] = handler.commit.selector;
        actions[i++] = handler.commit.selector;
        actions[i++] = handler.commitBogus.selector;
        actions[i++] = handler.commitMutated.selector;
        actions[i++] = handler.collectFees.selector;
        actions[i++] = handler.prove.selector;
        actions[i++] = handler.watch.selector;
        actions[i++] = handler.challenge.selector;
        actions[i++] = handler.answer.selector;
        actions[i++] = handler.refund.selector;
        actions[i++] = handler.requestWithdrawal.selector;
        actions[i++] = handler.withdraw.selector;
        actions[i++] = handler.stake.selector;
        actions[i++] = handler.unstake.selector;
        actions[i++] = handler.warp.selector;
        actions[i++] = handler.warp.selector;
        actions[i++] = handler.pause.selector;
    }
}
