// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Governed} from "../common/Governed.sol";
import {PPM, WEI_PER_NANO} from "../common/Nano.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {IRewardCalendar} from "../rewards/IRewardPolicy.sol";
import {Contributor, ContributorTree} from "./ContributorTree.sol";
import {Dataset, DatasetStatus, IDatasetRegistry, Suspension} from "./IDatasetRegistry.sol";

/// @title DatasetRegistry
/// @notice See {IDatasetRegistry}.
///
/// TRUST
/// @dev Owners speak for their own datasets: who stands in a file is their word, behind which stand bond, suspension and the
/// quorum that computes rewards. The guardian can suspend at once; governance alone can undo that, and take a bond that
/// is suspended.
///
/// TOKEN
/// @dev OPG: a transfer moves exactly the amount asked and calls nobody.
///
/// INVARIANTS
/// @dev token.balanceOf(this) >= sum of all bonds. A dataset never changes. A bond goes to its owner, or, by governance, to
/// reporter and reserve; once.
contract DatasetRegistry is IDatasetRegistry, Governed {
    using SafeERC20 for IERC20;

    uint256 internal constant MAX_CONTRIBUTORS = 1 << 20;
    uint256 internal constant MAX_LICENCE_BYTES = 64;
    uint256 internal constant MAX_URI_BYTES = 256;
    /// @notice Bounds of {leastBondNano}, in nano.
    uint64 public constant MIN_LEAST_BOND_NANO = 1e9; // 1 OPG
    uint64 public constant MAX_LEAST_BOND_NANO = 100_000e9;
    /// @notice Most that a reporter gets of a bond.
    uint32 public constant MAX_REPORTER_PPM = 100_000; // 10 %

    IERC20 public immutable token;
    IRewardCalendar public immutable calendar;
    /// @notice Gets what is taken of bonds and does not go to a reporter.
    address public immutable reserve;
    /// @notice Between retirement and withdrawal, in seconds.
    uint32 public immutable unbonding;
    /// @notice For so long after a suspension governance can take the bond, in seconds.
    uint32 public immutable slashTime;

    /// @notice Least bond of a new dataset.
    uint64 public leastBondNano;

    mapping(bytes32 id => DatasetStatus) internal _statuses;
    mapping(bytes32 id => Dataset) internal _datasets;
    mapping(bytes32 id => Suspension[]) internal _suspensions;
    bytes32[] internal _ids;

    constructor(
        IERC20 token_,
        IRewardCalendar calendar_,
        ProtocolTimes memory times,
        uint64 leastBondNano_,
        address governance_,
        address guardian_,
        address reserve_
    ) Governed(governance_, guardian_, times.parameterDelay) {
        ProtocolTimesLib.check(times);
        if (reserve_ == address(0) || reserve_ == address(this)) revert DatasetRegistry_BadReserve(reserve_);
        token = token_;
        calendar = calendar_;
        reserve = reserve_;
        unbonding = times.unbonding;
        // A vote and the timelock.
        slashTime = 3 * times.parameterDelay;
        _setLeastBond(leastBondNano_);
    }

    /* OWNER */

    /// @inheritdoc IDatasetRegistry
    function register(Dataset calldata dataset, uint64 bondNano) external returns (bytes32 id) {
        _check(dataset);
        if (bondNano < leastBondNano) revert DatasetRegistry_BondTooLow(bondNano, leastBondNano);
        id = datasetId(msg.sender, dataset);
        if (_statuses[id].owner != address(0)) revert DatasetRegistry_AlreadyRegistered(id);
        _statuses[id] = DatasetStatus({
            owner: msg.sender,
            registeredAt: uint40(block.timestamp),
            retiredAt: 0,
            bondNano: bondNano,
            suspendedAt: 0
        });
        _datasets[id] = dataset;
        _ids.push(id);
        emit DatasetRegistered(id, msg.sender, dataset.contentHash, dataset, bondNano);
        token.safeTransferFrom(msg.sender, address(this), bondNano * WEI_PER_NANO);
    }

    /// @inheritdoc IDatasetRegistry
    function retire(bytes32 id) external {
        DatasetStatus storage status = _known(id);
        if (status.owner != msg.sender) revert DatasetRegistry_NotOwner(id, msg.sender);
        if (status.retiredAt != 0) revert DatasetRegistry_AlreadyRetired(id, status.retiredAt);
        status.retiredAt = uint40(block.timestamp);
        emit DatasetRetired(id);
    }

    /// @inheritdoc IDatasetRegistry
    function withdraw(bytes32 id) external {
        DatasetStatus memory status = _known(id);
        if (status.retiredAt == 0) revert DatasetRegistry_NotRetired(id);
        uint256 from = uint256(status.retiredAt) + unbonding;
        if (status.suspendedAt != 0) {
            uint256 slashedBy = uint256(status.suspendedAt) + slashTime;
            if (slashedBy > from) from = slashedBy;
        }
        if (block.timestamp < from) revert DatasetRegistry_NotYet(id, from);
        uint64 amountNano = _takeBond(id);
        emit BondWithdrawn(id, status.owner, amountNano);
        _pay(status.owner, amountNano);
    }

    /* REMOVAL */

    /// @inheritdoc IDatasetRegistry
    function suspend(bytes32 id, uint32 fromEpoch, bytes32 reason) external onlyGuardian {
        DatasetStatus storage status = _known(id);
        uint32 latest = _nextEpoch();
        if (fromEpoch == 0) revert IRewardCalendar.RewardPolicy_NoEpoch(fromEpoch);
        if (fromEpoch > latest) revert DatasetRegistry_EpochTooLate(fromEpoch, latest);
        if (status.suspendedAt == 0) {
            status.suspendedAt = uint40(block.timestamp);
            _suspensions[id].push(Suspension({fromEpoch: fromEpoch, untilEpoch: 0}));
        } else {
            Suspension storage current = _lastSuspension(id);
            if (fromEpoch >= current.fromEpoch) revert DatasetRegistry_AlreadySuspended(id, current.fromEpoch);
            current.fromEpoch = fromEpoch;
        }
        emit DatasetSuspended(id, fromEpoch, reason);
    }

    /* GOVERNANCE */

    /// @inheritdoc IDatasetRegistry
    function resume(bytes32 id) external onlyGovernance {
        DatasetStatus storage status = _suspended(id);
        if (status.bondNano == 0) revert DatasetRegistry_NoBond(id);
        uint32 untilEpoch = _nextEpoch();
        status.suspendedAt = 0;
        _lastSuspension(id).untilEpoch = untilEpoch;
        emit DatasetResumed(id, untilEpoch);
    }

    /// @inheritdoc IDatasetRegistry
    function slashBond(bytes32 id, address reporter, uint32 reporterPpm) external onlyGovernance {
        _suspended(id);
        if (reporterPpm > MAX_REPORTER_PPM) revert DatasetRegistry_ReporterPartTooHigh(reporterPpm, MAX_REPORTER_PPM);
        uint64 amountNano = _takeBond(id);
        // A part of `amountNano`.
        uint64 reporterNano = uint64((uint256(amountNano) * reporterPpm) / PPM);
        emit BondSlashed(id, reporter, reporterNano, amountNano - reporterNano);
        _pay(reporter, reporterNano);
        _pay(reserve, amountNano - reporterNano);
    }

    /// @inheritdoc IDatasetRegistry
    function setLeastBond(uint64 leastBondNano_) external onlyGovernance {
        _setLeastBond(leastBondNano_);
    }

    /* VIEWS */

    /// @inheritdoc IDatasetRegistry
    function countsFor(bytes32 id, uint32 epoch) external view returns (bool) {
        DatasetStatus memory status = _statuses[id];
        uint256 start = calendar.startOf(epoch);
        if (status.owner == address(0) || status.registeredAt > start) return false;
        if (status.retiredAt != 0 && status.retiredAt < start) return false;
        Suspension[] memory all = _suspensions[id];
        for (uint256 i; i < all.length; ++i) {
            if (epoch >= all[i].fromEpoch && (all[i].untilEpoch == 0 || epoch < all[i].untilEpoch)) return false;
        }
        return true;
    }

    /// @inheritdoc IDatasetRegistry
    function isContributor(
        bytes32 id,
        uint32 index,
        Contributor calldata entry,
        bytes32[] calldata path
    ) external view returns (bool) {
        Dataset storage dataset = _datasets[id];
        return ContributorTree.includes(dataset.contributorsRoot, dataset.contributorCount, index, entry, path);
    }

    /// @inheritdoc IDatasetRegistry
    function getDataset(bytes32 id) external view returns (Dataset memory) {
        _known(id);
        return _datasets[id];
    }

    /// @inheritdoc IDatasetRegistry
    function statusOf(bytes32 id) external view returns (DatasetStatus memory) {
        return _statuses[id];
    }

    /// @inheritdoc IDatasetRegistry
    function suspensionsOf(bytes32 id) external view returns (Suspension[] memory) {
        return _suspensions[id];
    }

    /// @inheritdoc IDatasetRegistry
    function datasetAt(uint256 index) external view returns (bytes32) {
        return _ids[index];
    }

    /// @inheritdoc IDatasetRegistry
    function datasetCount() external view returns (uint256) {
        return _ids.length;
    }

    /// @inheritdoc IDatasetRegistry
    function datasetId(address owner, Dataset calldata dataset) public pure returns (bytes32) {
        return keccak256(abi.encode(owner, dataset));
    }

    /* INTERNAL */

    function _known(bytes32 id) private view returns (DatasetStatus storage status) {
        status = _statuses[id];
        if (status.owner == address(0)) revert DatasetRegistry_UnknownDataset(id);
    }

    function _suspended(bytes32 id) private view returns (DatasetStatus storage status) {
        status = _known(id);
        if (status.suspendedAt == 0) revert DatasetRegistry_NotSuspended(id);
    }

    /// @dev Only of a dataset that is suspended.
    function _lastSuspension(bytes32 id) private view returns (Suspension storage) {
        Suspension[] storage all = _suspensions[id];
        return all[all.length - 1];
    }

    function _nextEpoch() private view returns (uint32) {
        return calendar.epochAt(block.timestamp) + 1;
    }

    function _takeBond(bytes32 id) private returns (uint64 amountNano) {
        amountNano = _statuses[id].bondNano;
        if (amountNano == 0) revert DatasetRegistry_NoBond(id);
        _statuses[id].bondNano = 0;
    }

    function _pay(address to, uint64 amountNano) private {
        if (amountNano != 0) token.safeTransfer(to, amountNano * WEI_PER_NANO);
    }

    function _setLeastBond(uint64 leastBondNano_) private {
        if (leastBondNano_ < MIN_LEAST_BOND_NANO) {
            revert DatasetRegistry_LeastBondOutOfBounds(leastBondNano_, MIN_LEAST_BOND_NANO);
        }
        if (leastBondNano_ > MAX_LEAST_BOND_NANO) {
            revert DatasetRegistry_LeastBondOutOfBounds(leastBondNano_, MAX_LEAST_BOND_NANO);
        }
        leastBondNano = leastBondNano_;
        emit LeastBondSet(leastBondNano_);
    }

    function _check(Dataset calldata dataset) private pure {
        if (dataset.contentHash == 0) revert DatasetRegistry_Empty("contentHash");
        if (dataset.fileHash == 0) revert DatasetRegistry_Empty("fileHash");
        if (dataset.contributorsRoot == 0) revert DatasetRegistry_Empty("contributorsRoot");
        _checkSize("contributorCount", dataset.contributorCount, MAX_CONTRIBUTORS);
        _checkSize("licence", bytes(dataset.licence).length, MAX_LICENCE_BYTES);
        _checkSize("uri", bytes(dataset.uri).length, MAX_URI_BYTES);
    }

    function _checkSize(string memory field, uint256 count, uint256 limit) private pure {
        if (count == 0) revert DatasetRegistry_Empty(field);
        if (count > limit) revert DatasetRegistry_TooMany(field, count, limit);
    }
}
