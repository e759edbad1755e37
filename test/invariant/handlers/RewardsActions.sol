// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    Books,
    EpochRoot,
    Former,
    IEpochRewards,
    Pending,
    Posting,
    Witness
} from "../../../contracts/rewards/IEpochRewards.sol";
import {Quorum} from "../../../contracts/rewards/Quorum.sol";
import {Leaf, RootVersion} from "../../../contracts/rewards/SumTree.sol";
import {GrantId} from "../../../contracts/vesting/VestBook.sol";
import {RewardsState} from "./RewardsState.sol";

/// @title RewardsActions
/// @notice The money from the vault to who earned it. No action reverts: each does what is possible, or shows that it is refused for
/// the right reason.
abstract contract RewardsActions is RewardsState {
    /* FUNDS */

    /// @notice What is due goes to the budget, or through it; the budget goes on.
    function release(uint256 seed) external {
        uint256 kind = _draw(seed, "kind", 3);
        GrantId[] memory ids = new GrantId[](2);
        ids[1] = GrantId.wrap(1);
        address by = _anybody(seed);
        if (kind == 0) _mustSucceed(by, address(budget), abi.encodeCall(budget.claim, (ids)));
        if (kind == 1) _mustSucceed(by, address(vault), abi.encodeCall(vault.claimMany, (ids)));
        if (kind == 2) _mustSucceed(by, address(budget), abi.encodeCall(budget.forward, ()));
        ++succeeded["release"];
    }

    /// @notice To any of the contracts, most often with a fraction of a nano.
    function donate(uint256 seed) external {
        uint256 amountWei = _draw(seed, "amount", 10 ** (1 + _draw(seed, "size", 23)));
        uint256 to = _draw(seed, "to", 3);
        if (to == 0) budgetGiftsWei += amountWei;
        if (to == 1) rewardsGiftsWei += amountWei;
        if (to == 2) datasetsGiftsWei += amountWei;
        opg.transfer(
            to == 0
                ? address(budget)
                : to == 1
                    ? address(rewards)
                    : address(datasets),
            amountWei
        );
        ++succeeded["donate"];
    }

    function sync(uint256 seed) external {
        uint256 dueWei = budget.forwardedWei() + rewardsGiftsWei - uint256(rewards.getBooks().fundedNano) * 1e9;
        bytes memory result = _mustSucceed(_anybody(seed), address(rewards), abi.encodeCall(rewards.sync, ()));
        require(abi.decode(result, (uint64)) == dueWei / 1e9, "counts what arrived");
        ++succeeded["sync"];
    }

    /// @notice Somebody deposits or withdraws; more than there is is refused.
    function money(uint256 seed) external {
        uint256 kind = _draw(seed, "kind", 3);
        uint256 which = _draw(seed, "who", 4);
        address who =
            which < POSTERS
                ? _poster(which)
                : which == POSTERS
                    ? CHALLENGER
                    : REFUTER;
        uint64 held = rewards.depositOf(who);
        if (kind == 0 && who != REFUTER) {
            _deposit(who, uint64(1 + _draw(seed, "amount", 1_000e9)));
        } else if (kind == 1 && held != 0) {
            uint64 amount = uint64(1 + _draw(seed, "amount", held));
            _mustSucceed(who, address(rewards), abi.encodeCall(rewards.withdraw, (amount)));
            depositedNano -= amount;
            ++succeeded["withdraw"];
        } else {
            bytes memory data = abi.encodeCall(rewards.withdraw, (held + 1));
            _mustRevert(who, address(rewards), data, IEpochRewards.Rewards_TooMuch.selector);
        }
    }

    function _deposit(address who, uint64 amountNano) private {
        _mustSucceed(who, address(rewards), abi.encodeCall(rewards.deposit, (amountNano)));
        depositedNano += amountNano;
    }

    /* ROOTS */

    /// @notice The next root: an honest one, one with less for somebody, or one that is refused at once.
    function post(uint256 seed) external {
        address poster = _poster(_draw(seed, "poster", POSTERS));
        Books memory books = rewards.getBooks();
        uint256 roomNano = books.fundedNano - _sum(active);
        uint256 kind = _draw(seed, "kind", 8);
        uint64[EARNERS] memory amounts = active;
        for (uint256 i; i < EARNERS; ++i) {
            uint256 part = _draw(seed, bytes32(i), roomNano / 16 + 1);
            if (_draw(seed, bytes32(i + 100), 3) != 0) amounts[i] += uint64(part);
        }
        bytes4 refused;
        if (kind == 0) {
            amounts[0] += uint64(roomNano + 1);
            refused = IEpochRewards.Rewards_NotFunded.selector;
        } else if (kind == 1 && _sum(active) != 0) {
            amounts = active;
            _lower(amounts, seed, 1);
            refused = IEpochRewards.Rewards_TotalFell.selector;
        } else if (kind < 4 && _sum(active) != 0) {
            // The total stays, so only a refutation shows it.
            uint64 lost = _lower(amounts, seed, uint64(1 + _draw(seed, "lost", 1e9)));
            amounts[(_victim(active, seed) + 1) % EARNERS] += lost;
        }
        if (pending.poster != address(0)) refused = IEpochRewards.Rewards_RootPending.selector;
        EpochRoot memory content = _content(activeEpoch + 1, amounts);
        uint64 bond = rewards.bondFor(content.totalWei);
        bytes memory data = abi.encodeCall(rewards.post, (content));
        if (refused != 0) {
            _mustRevert(poster, address(rewards), data, refused);
            ++succeeded["refuse root"];
            return;
        }
        uint64 held = rewards.depositOf(poster);
        if (held < bond) {
            _mustRevert(poster, address(rewards), data, IEpochRewards.Rewards_TooMuch.selector);
            _deposit(poster, bond - held);
        }
        _mustSucceed(poster, address(rewards), data);
        pending = Posting(content, poster, nodes.operatorOwnedBy(poster), bond, uint40(clock + GRACE));
        proposed = amounts;
        ++succeeded["post"];
    }

    /// @notice Whatever comes next for the root that waits.
    function proceed(uint256 seed) external {
        if (pending.poster == address(0)) return;
        Pending memory state = rewards.getPending();
        if (state.activeFrom == 0) _attest(seed);
        else if (state.challenger != address(0)) _judge(seed, state);
        else if (clock < state.activeFrom) _challenge(seed, state);
        else _activate(seed, state);
    }

    function _attest(uint256 seed) private {
        address by = _anybody(seed);
        if (clock > pending.attestBy) {
            _mustSucceed(by, address(rewards), abi.encodeCall(rewards.drop, (pending)));
            _toReserve((uint256(pending.bondNano) * LAPSE_PPM) / 1e6);
            delete pending;
            ++succeeded["lapse"];
            return;
        }
        if (_draw(seed, "few", 4) == 0) {
            bytes memory few = abi.encodeCall(rewards.attest, (pending, _signatures(pending.content, 3, 3)));
            _mustRevert(by, address(rewards), few, Quorum.Quorum_TooFew.selector);
        }
        bytes memory data = abi.encodeCall(rewards.attest, (pending, _signatures(pending.content, 3, 4)));
        if (_isSilenced(by, data)) return;
        _mustSucceed(by, address(rewards), data);
        ++succeeded["attest"];
    }

    /// @dev Whether a signer's key was revoked, after showing that its signature does not count.
    function _isSilenced(address by, bytes memory data) private returns (bool) {
        if (!revoked[3] && !revoked[4]) return false;
        _mustRevert(by, address(rewards), data, Quorum.Quorum_SignerNotActive.selector);
        ++succeeded["silence"];
        return true;
    }

    function _challenge(uint256 seed, Pending memory state) private {
        if (_draw(seed, "rarely", 4) != 0) {
            bytes memory early = abi.encodeCall(rewards.activate, (pending, _signatures(pending.content, 3, 4)));
            _mustRevert(_anybody(seed), address(rewards), early, IEpochRewards.Rewards_NotYet.selector);
            _passTime(state.activeFrom - clock);
            return;
        }
        uint64 held = rewards.depositOf(CHALLENGER);
        if (held < pending.bondNano) _deposit(CHALLENGER, pending.bondNano - held);
        _mustSucceed(CHALLENGER, address(rewards), abi.encodeCall(rewards.challenge, (pending, "wrong")));
        ++succeeded["challenge"];
    }

    function _judge(uint256 seed, Pending memory state) private {
        if (clock > state.verdictBy) {
            _mustSucceed(_anybody(seed), address(rewards), abi.encodeCall(rewards.drop, (pending)));
            delete pending;
            ++succeeded["no verdict"];
            return;
        }
        bool stands = _draw(seed, "stands", 2) == 0;
        _mustSucceed(address(this), address(rewards), abi.encodeCall(rewards.verdict, (pending, stands)));
        _forfeit(pending.bondNano);
        if (!stands) delete pending;
        ++succeeded[stands ? bytes32("stands") : bytes32("falls")];
    }

    function _activate(uint256 seed, Pending memory state) private {
        address by = _anybody(seed);
        if (clock > state.activeFrom + GRACE && _draw(seed, "drop", 2) == 0) {
            _mustSucceed(by, address(rewards), abi.encodeCall(rewards.drop, (pending)));
            delete pending;
            ++succeeded["forgotten"];
            return;
        }
        bytes memory data = abi.encodeCall(rewards.activate, (pending, _signatures(pending.content, 3, 4)));
        if (_isSilenced(by, data)) return;
        _mustSucceed(by, address(rewards), data);
        (active, activeEpoch) = (proposed, activeEpoch + 1);
        delete pending;
        ++succeeded["activate"];
    }

    /// @notice Shows a decrease where there is one, and that there is none where there is none. Not always: some are overlooked.
    function refute(uint256 seed) external {
        if (pending.poster == address(0) || _sum(active) == 0) return;
        uint256 earner = _victim(active, seed);
        for (uint256 i; i < EARNERS; ++i) if (proposed[i] < active[i]) earner = i;
        if (proposed[earner] == 0) return; // it is left out
        Former memory former = Former(_version(activeEpoch, active), _witness(activeEpoch, active, earner));
        Witness memory witness = _witness(activeEpoch + 1, proposed, earner);
        bytes memory data = abi.encodeCall(rewards.refuteDecrease, (pending, former, witness));
        if (proposed[earner] >= active[earner]) {
            _mustRevert(REFUTER, address(rewards), data, IEpochRewards.Rewards_NoFault.selector);
            ++succeeded["no fault"];
            return;
        }
        _mustSucceed(REFUTER, address(rewards), data);
        _forfeit(pending.bondNano);
        delete pending;
        ++succeeded["refute"];
    }

    /// @notice A verifier's key is revoked, or comes back as if registered anew.
    function revoke(uint256 seed) external {
        uint256 verifier = 3 + _draw(seed, "verifier", 2);
        revoked[verifier] = !revoked[verifier] && _draw(seed, "rarely", 4) == 0;
    }

    /* CLAIMS */

    /// @notice Somebody is paid the difference, or is refused: nothing due, or more than the root's total.
    function claim(uint256 seed) external {
        if (_sum(active) == 0) return;
        uint256 earner = _victim(active, seed);
        Witness memory witness = _witness(activeEpoch, active, earner);
        RootVersion version = _version(activeEpoch, active);
        bytes memory data = abi.encodeCall(rewards.claim, (version, witness.leaf, witness.proof));
        address by = _anybody(seed);
        if (active[earner] <= paid[earner]) {
            _mustRevert(by, address(rewards), data, IEpochRewards.Rewards_NothingDue.selector);
            ++succeeded["nothing due"];
        } else if (_sum(paid) + active[earner] - paid[earner] > _sum(active)) {
            _mustRevert(by, address(rewards), data, IEpochRewards.Rewards_TotalExceeded.selector);
            ++succeeded["exceeded"];
        } else {
            _mustSucceed(by, address(rewards), data);
            paid[earner] = active[earner];
            ++succeeded["claim"];
        }
    }

    /// @notice All at once, the same ones twice; nobody's leaf among them.
    function claimAll(uint256 seed) external {
        if (activeEpoch == 0) return;
        uint256 count = _leafCount(active);
        (Leaf[] memory leaves, bytes[] memory proofs) = (new Leaf[](count + 1), new bytes[](count + 1));
        for (uint256 i; i <= count; ++i) {
            leaves[i] = _leaf(active, i % count);
            (, proofs[i]) = _climb(activeEpoch, active, i % count);
        }
        uint64[EARNERS] memory after_ = paid;
        for (uint256 i; i < EARNERS; ++i) if (active[i] > after_[i]) after_[i] = active[i];
        bytes memory data = abi.encodeCall(rewards.claimMany, (_version(activeEpoch, active), leaves, proofs));
        if (_sum(after_) > _sum(active)) {
            // Also when nothing is due: then nothing is compared.
            if (_sum(after_) == _sum(paid)) return;
            _mustRevert(_anybody(seed), address(rewards), data, IEpochRewards.Rewards_TotalExceeded.selector);
            return;
        }
        bytes memory result = _mustSucceed(_anybody(seed), address(rewards), data);
        require(abi.decode(result, (uint256)) == (_sum(after_) - _sum(paid)) * 1e9, "pays what is due");
        paid = after_;
        ++succeeded["claimAll"];
    }

    /// @notice A leaf of the root that waits, of a former one, or with more than it has.
    function claimWrong(uint256 seed) external {
        if (_sum(active) == 0) return;
        uint256 earner = _victim(active, seed);
        uint32 epoch = activeEpoch + 1 - uint32(2 * _draw(seed, "former", 2));
        bool more = _draw(seed, "more", 2) == 0;
        Witness memory witness = _witness(more ? activeEpoch : epoch, active, earner);
        if (more) witness.leaf.cumulativeWei += 1e9;
        RootVersion version = _version(more ? activeEpoch : epoch, active);
        bytes memory data = abi.encodeCall(rewards.claim, (version, witness.leaf, witness.proof));
        _mustRevert(_anybody(seed), address(rewards), data, IEpochRewards.Rewards_NotActive.selector);
        ++succeeded["claimWrong"];
    }

    /// @notice Minutes, epochs or months.
    function warp(uint256 seed) external {
        uint256 kind = _draw(seed, "kind", 8);
        _passTime(
            1 +
                _draw(
                    seed,
                    "time",
                    kind == 0
                        ? 40 days
                        : kind < 3
                            ? 3 * uint256(EPOCH)
                            : GRACE
                )
        );
    }

    /* HELP */

    function _witness(
        uint32 epoch,
        uint64[EARNERS] memory amounts,
        uint256 earner
    ) private view returns (Witness memory witness) {
        uint256 index = _indexOf(amounts, earner);
        witness.leaf = _leaf(amounts, index);
        (, witness.proof) = _climb(epoch, amounts, index);
    }

    /// @dev Somebody who has something.
    function _victim(uint64[EARNERS] memory amounts, uint256 seed) private pure returns (uint256 earner) {
        earner = _draw(seed, "earner", EARNERS);
        while (amounts[earner] == 0) earner = (earner + 1) % EARNERS;
    }

    /// @dev Takes at most that much from somebody, who keeps a nano where there are several.
    function _lower(uint64[EARNERS] memory amounts, uint256 seed, uint64 most) private view returns (uint64 lost) {
        uint256 earner = _victim(active, seed);
        uint64 down =
            active[earner] > most
                ? active[earner] - most
                : active[earner] > 1
                    ? 1
                    : 0;
        lost = amounts[earner] - down;
        amounts[earner] = down;
    }

    /// @dev A bond is lost: a part to the winner's deposit, the rest to the reserve.
    function _forfeit(uint256 bondNano) private {
        uint256 wonNano = (bondNano * WINNER_PPM) / 1e6;
        if (wonNano > WINNER_CAP_NANO) wonNano = WINNER_CAP_NANO;
        _toReserve(bondNano - wonNano);
    }

    function _toReserve(uint256 amountNano) private {
        depositedNano -= amountNano;
        reserveNano += amountNano;
    }
}
