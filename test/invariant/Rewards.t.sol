// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Books} from "../../contracts/rewards/IEpochRewards.sol";
import {DatasetActions} from "./handlers/DatasetActions.sol";

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}

/// @notice The laws 20 to 24 of README.md, checked after every action.
contract RewardsInvariants is DatasetActions {
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
    function invariant_RewardsObeyTheirLaws() public view {
        checkEmission();
        checkBooks();
        checkBonds();
        checkEarners();
        checkDatasets();
    }

    /// @notice Law 20.
    function checkEmission() public view {
        uint256 releasedWei = _releasedWei();
        (, uint256 unlockedWei) = lens.unlockedNow();
        require(releasedWei <= unlockedWei, "released <= unlocked");
        uint256 heldWei = opg.balanceOf(address(budget));
        require(heldWei + budget.forwardedWei() == releasedWei + budgetGiftsWei, "the budget only forwards");
    }

    /// @notice Law 21.
    function checkBooks() public view {
        Books memory books = rewards.getBooks();
        (, uint64 paidNano) = rewards.getActive();
        uint256 cameWei = budget.forwardedWei() + rewardsGiftsWei;
        require(paidNano <= books.promisedNano, "paid <= promised");
        require(books.promisedNano <= books.fundedNano, "promised <= funded");
        require(uint256(books.fundedNano) * 1e9 <= cameWei, "funded <= released + given");
        require(books.promisedNano == _sum(active) && books.epoch == activeEpoch, "the active root");
        uint256 heldWei = opg.balanceOf(address(rewards));
        require(heldWei == cameWei + depositedNano * 1e9 - uint256(paidNano) * 1e9, "balance");
    }

    /// @notice Law 22.
    function checkBonds() public view {
        uint256 sumNano = uint256(rewards.depositOf(CHALLENGER)) + rewards.depositOf(REFUTER);
        for (uint256 i; i < POSTERS; ++i) sumNano += rewards.depositOf(_poster(i));
        if (pending.poster != address(0)) {
            sumNano += pending.bondNano;
            if (rewards.getPending().challenger != address(0)) sumNano += pending.bondNano;
        }
        require(sumNano == depositedNano, "deposits and bonds");
        require(rewards.getBooks().heldNano == depositedNano, "held");
        require(opg.balanceOf(RESERVE) == reserveNano * 1e9, "reserve");
    }

    /// @notice Law 23.
    function checkEarners() public view {
        (, uint64 paidNano) = rewards.getActive();
        for (uint256 i; i < EARNERS; ++i) {
            uint256 gotWei = uint256(paid[i]) * 1e9;
            require(opg.balanceOf(_earner(i)) == gotWei, "an account got what its leaf says");
            require(rewards.claimed(_earner(i)) == gotWei, "claimed");
        }
        require(paidNano == _sum(paid), "paid in all");
        require(rewards.claimed(address(0)) == 0, "nobody");
    }

    /// @notice Law 24.
    function checkDatasets() public view {
        require(opg.balanceOf(address(datasets)) == bondsNano * 1e9 + datasetsGiftsWei, "bonds");
        require(datasets.datasetCount() == known.length, "count");
        uint32 epoch = policy.epochAt(clock) + 1;
        for (uint256 i; i < known.length; ++i) {
            Known storage one = known[i];
            require(datasets.statusOf(one.id).bondNano == one.bondNano, "bond");
            for (uint32 e = epoch > 2 ? epoch - 2 : 1; e <= epoch; ++e) {
                require(datasets.countsFor(one.id, e) == _counts(one, e), "counts");
            }
        }
    }

    /// @notice A life in which everything must happen many times, and at whose end everybody has been paid.
    function test_EveryActionSucceedsOften() public {
        bytes4[] memory actions = _actions();
        for (uint256 i; i < 3_000; ++i) {
            uint256 seed = uint256(keccak256(abi.encode("a life of rewards", i)));
            (bool ok, bytes memory reason) = address(this).call(
                abi.encodeWithSelector(actions[seed % actions.length], seed)
            );
            if (!ok) {
                assembly ("memory-safe") {
                    revert(add(reason, 32), mload(reason))
                }
            }
            if (i % 10 == 0) invariant_RewardsObeyTheirLaws();
        }
        this.claimAll(1);
        invariant_RewardsObeyTheirLaws();
        bytes32[17] memory often = [
            bytes32("release"),
            "donate",
            "sync",
            "withdraw",
            "post",
            "refuse root",
            "attest",
            "activate",
            "challenge",
            "refute",
            "no fault",
            "claim",
            "claimAll",
            "nothing due",
            "claimWrong",
            "suspend",
            "refuse bond"
        ];
        for (uint256 i; i < often.length; ++i) require(succeeded[often[i]] >= 10, string(abi.encodePacked(often[i])));
        bytes32[9] memory sometimes = [
            bytes32("lapse"),
            "silence",
            "stands",
            "falls",
            "register",
            "retire",
            "withdrawBond",
            "resume",
            "slash"
        ];
        for (uint256 i; i < sometimes.length; ++i) {
            require(succeeded[sometimes[i]] >= 3, string(abi.encodePacked(sometimes[i])));
        }
    }

    function _actions() private pure returns (bytes4[] memory actions) {
        actions = new bytes4[](20);
        actions[0] = this.release.selector;
        actions[1] = this.donate.selector;
        actions[2] = this.sync.selector;
        actions[3] = this.money.selector;
        actions[4] = this.post.selector;
        actions[5] = this.post.selector;
        actions[6] = this.proceed.selector;
        actions[7] = this.proceed.selector;
        actions[8] = this.proceed.selector;
        actions[9] = this.refute.selector;
        actions[10] = this.revoke.selector;
        actions[11] = this.claim.selector;
        actions[12] = this.claimAll.selector;
        actions[13] = this.claimWrong.selector;
        actions[14] = this.register.selector;
        actions[15] = this.retire.selector;
        actions[16] = this.withdrawBond.selector;
        actions[17] = this.suspend.selector;
        actions[18] = this.decide.selector;
        actions[19] = this.warp.selector;
    }
}
