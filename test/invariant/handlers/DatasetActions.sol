// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Dataset, IDatasetRegistry} from "../../../contracts/registry/IDatasetRegistry.sol";
import {RewardsActions} from "./RewardsActions.sol";

/// @title DatasetActions
/// @notice Everything that can be done with datasets, and a plain record of what was done.
abstract contract DatasetActions is RewardsActions {
    struct Known {
        bytes32 id;
        address owner;
        uint64 bondNano;
        uint256 registeredAt;
        uint256 retiredAt;
        uint256 suspendedAt;
        uint256[] from; // epochs of suspensions
        uint256[] until; // 0: it stands
    }

    Known[] internal known;

    function register(uint256 seed) external {
        address owner = _owner(_draw(seed, "owner", OWNERS));
        uint64 bond = uint64(_draw(seed, "bond", 20e9));
        Dataset memory dataset = Dataset({
            contentHash: keccak256(abi.encode("dataset", known.length)),
            fileHash: keccak256("file"),
            contributorsRoot: keccak256("root"),
            contributorCount: 1,
            licence: "CC0-1.0",
            uri: "https://data.example"
        });
        bytes memory data = abi.encodeCall(datasets.register, (dataset, bond));
        if (bond < 1e9) {
            _mustRevert(owner, address(datasets), data, IDatasetRegistry.DatasetRegistry_BondTooLow.selector);
            return;
        }
        if (known.length == 24) return;
        Known storage one = known.push();
        one.id = abi.decode(_mustSucceed(owner, address(datasets), data), (bytes32));
        (one.owner, one.bondNano, one.registeredAt) = (owner, bond, clock);
        bondsNano += bond;
        ++succeeded["register"];
    }

    function retire(uint256 seed) external {
        if (known.length == 0) return;
        Known storage one = _one(seed);
        bytes memory data = abi.encodeCall(datasets.retire, (one.id));
        _mustRevert(_earner(0), address(datasets), data, IDatasetRegistry.DatasetRegistry_NotOwner.selector);
        if (one.retiredAt != 0) {
            _mustRevert(one.owner, address(datasets), data, IDatasetRegistry.DatasetRegistry_AlreadyRetired.selector);
            return;
        }
        _mustSucceed(one.owner, address(datasets), data);
        one.retiredAt = clock;
        ++succeeded["retire"];
    }

    function withdrawBond(uint256 seed) external {
        if (known.length == 0) return;
        Known storage one = _one(seed);
        bytes memory data = abi.encodeCall(datasets.withdraw, (one.id));
        bytes4 refused;
        if (one.retiredAt == 0) refused = IDatasetRegistry.DatasetRegistry_NotRetired.selector;
        else if (clock < one.retiredAt + 3_600 || (one.suspendedAt != 0 && clock < one.suspendedAt + 12_600))
            refused = IDatasetRegistry.DatasetRegistry_NotYet.selector;
        else if (one.bondNano == 0) refused = IDatasetRegistry.DatasetRegistry_NoBond.selector;
        if (refused != 0) {
            _mustRevert(_anybody(seed), address(datasets), data, refused);
            ++succeeded["refuse bond"];
            return;
        }
        uint256 beforeWei = opg.balanceOf(one.owner);
        _mustSucceed(_anybody(seed), address(datasets), data);
        require(opg.balanceOf(one.owner) == beforeWei + uint256(one.bondNano) * 1e9, "bond to the owner");
        _spend(one);
        ++succeeded["withdrawBond"];
    }

    /// @notice From any epoch up to the next one.
    function suspend(uint256 seed) external {
        if (known.length == 0) return;
        Known storage one = _one(seed);
        uint32 latest = policy.epochAt(clock) + 1;
        uint32 from = uint32(latest - _draw(seed, "from", latest < 4 ? latest : 4));
        bytes memory data = abi.encodeCall(datasets.suspend, (one.id, from, "gone"));
        if (one.suspendedAt == 0) {
            _mustSucceed(address(this), address(datasets), data);
            one.suspendedAt = clock;
            one.from.push(from);
            one.until.push(0);
            ++succeeded["suspend"];
        } else if (from < one.from[one.from.length - 1]) {
            _mustSucceed(address(this), address(datasets), data);
            one.from[one.from.length - 1] = from;
        } else {
            bytes4 refused = IDatasetRegistry.DatasetRegistry_AlreadySuspended.selector;
            _mustRevert(address(this), address(datasets), data, refused);
        }
    }

    /// @notice Governance lets it count again, or takes the bond.
    function decide(uint256 seed) external {
        if (known.length == 0) return;
        Known storage one = _one(seed);
        bool resumes = _draw(seed, "resumes", 3) != 0;
        uint32 ppm = uint32(_draw(seed, "ppm", 100_001));
        bytes memory data =
            resumes
                ? abi.encodeCall(datasets.resume, (one.id))
                : abi.encodeCall(datasets.slashBond, (one.id, _earner(9), ppm));
        if (one.suspendedAt == 0) {
            _mustRevert(address(this), address(datasets), data, IDatasetRegistry.DatasetRegistry_NotSuspended.selector);
        } else if (one.bondNano == 0) {
            _mustRevert(address(this), address(datasets), data, IDatasetRegistry.DatasetRegistry_NoBond.selector);
        } else if (resumes) {
            _mustSucceed(address(this), address(datasets), data);
            one.suspendedAt = 0;
            one.until[one.until.length - 1] = policy.epochAt(clock) + 1;
            ++succeeded["resume"];
        } else {
            _mustSucceed(address(this), address(datasets), data);
            reserveNano += one.bondNano - (uint256(one.bondNano) * ppm) / 1e6;
            _spend(one);
            ++succeeded["slash"];
        }
    }

    /// @dev By the words of {IDatasetRegistry}.
    function _counts(Known storage one, uint256 epoch) internal view returns (bool) {
        uint256 start = uint256(policy.genesis()) + (epoch - 1) * EPOCH;
        bool lives = one.registeredAt <= start && (one.retiredAt == 0 || one.retiredAt >= start);
        for (uint256 i; i < one.from.length; ++i) {
            if (epoch >= one.from[i] && (one.until[i] == 0 || epoch < one.until[i])) return false;
        }
        return lives;
    }

    function _spend(Known storage one) private {
        bondsNano -= one.bondNano;
        one.bondNano = 0;
    }

    function _one(uint256 seed) private view returns (Known storage) {
        return known[_draw(seed, "dataset", known.length)];
    }
}
