// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VestingLaws} from "./handlers/VestingLaws.sol";
import {VM} from "../helpers/Vm.sol";

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @notice The laws 10 to 14 of README.md, checked after every action.
contract VestingInvariants is VestingLaws {
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
    function invariant_VestingObeysItsLaws() public view {
        checkSolvencyOfVault();
        checkGrants();
        checkRecipients();
        checkCalendar();
        checkAllowances();
    }

    /// @notice Lives in which everything must happen many times, and at whose end everything is paid.
    function test_EveryActionSucceedsOften() public {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 1_500; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("a life of the vault", i)));
            // Time passes rarely: there are 40 months.
            bytes4 action = i % 15 == 0 ? this.warp.selector : actions[seed % (actions.length - 2)];
            (bool ok, bytes memory reason) = address(this).call(abi.encodeWithSelector(action, seed));
            require(ok, string(reason));
            if (i % 10 == 0) invariant_VestingObeysItsLaws();
        }
        _end();
        bytes32[10] memory often = [
            bytes32("refuse nothing"),
            "claim many",
            "refuse unknown",
            "offer",
            "refuse offer",
            "refuse lost",
            "accept",
            "refuse acceptance",
            "refuse revoker",
            "donate"
        ];
        for (uint256 i; i < often.length; ++i) require(succeeded[often[i]] >= 20, string(abi.encodePacked(often[i])));
        require(succeeded["claim"] >= 10, "claim");
        require(succeeded["refuse second revocation"] >= 1, "refuse second revocation");
        require(succeeded["refuse revocation"] >= 2, "refuse revocation");
        require(succeeded["revoke"] >= 2, "revoke");
    }

    /// @dev Whatever was done before: in the end nothing is left but what was donated.
    function _end() private {
        clock = anchors[MONTHS - 1];
        VM.warp(clock);
        for (uint256 seed; seed < 400; ++seed) this.claim(seed);
        uint256 restWei;
        for (uint256 i; i < grants.length; ++i) {
            require(_paid(i) == grants[i].totalWei, "all of it");
            restWei += grants[i].restWei;
        }
        require(restWei != 0, "something was revoked");
        require(opg.balanceOf(address(vault)) == donatedWei, "nothing is left");
        invariant_VestingObeysItsLaws();
    }

    function _actions() private pure returns (bytes4[] memory actions) {
        actions = new bytes4[](9);
        actions[0] = this.claim.selector;
        actions[1] = this.claimMany.selector;
        actions[2] = this.offer.selector;
        actions[3] = this.accept.selector;
        actions[4] = this.accept.selector;
        actions[5] = this.revoke.selector;
        actions[6] = this.donate.selector;
        actions[7] = this.warp.selector;
        actions[8] = this.warp.selector;
    }
}
