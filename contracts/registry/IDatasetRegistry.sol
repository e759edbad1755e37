// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Contributor} from "./ContributorTree.sol";

/// @notice A dataset as its owner registers it. It never changes; a change is a new one.
struct Dataset {
    bytes32 contentHash; // of the data
    bytes32 fileHash; // SHA-256 of the contributors file
    bytes32 contributorsRoot; // of the {ContributorTree} of that file
    uint32 contributorCount; // entries of the file, 1 to 2^20
    string licence; // SPDX identifier, 1 to 64 bytes
    string uri; // where the contributors file can be had, 1 to 256 bytes
}

/// @notice What happened to a dataset, in two slots.
struct DatasetStatus {
    // slot 0: 20 + 5 + 5 = 30 bytes
    address owner; // zero: unknown
    uint40 registeredAt; // Unix timestamp, seconds
    uint40 retiredAt; // Unix timestamp, seconds; 0 until then
    // slot 1: 8 + 5 = 13 bytes
    uint64 bondNano; // 0 once withdrawn or taken
    uint40 suspendedAt; // Unix timestamp, seconds; 0 unless suspended now
}

/// @notice Epochs in which a dataset counts for nothing.
struct Suspension {
    uint32 fromEpoch;
    uint32 untilEpoch; // the first in which it counts again; 0 while it is suspended
}

/// @title IDatasetRegistry
/// @notice Datasets that models were made from, and who contributed to them. Model versions name datasets, receipts name model
/// versions: so contributors are paid for usage.
///
/// A dataset counts for a reward epoch when it was registered before the epoch began, or in its first second, was not retired
/// before that, and is not suspended for it. A suspension may reach back to epochs that are over: whoever computes an epoch takes
/// the suspensions as of the block that its published file names.
interface IDatasetRegistry {
    event DatasetRegistered(
        bytes32 indexed id,
        address indexed owner,
        bytes32 indexed contentHash,
        Dataset dataset,
        uint64 bondNano
    );
    event DatasetRetired(bytes32 indexed id);
    event DatasetSuspended(bytes32 indexed id, uint32 indexed fromEpoch, bytes32 reason);
    event DatasetResumed(bytes32 indexed id, uint32 indexed untilEpoch);
    event BondWithdrawn(bytes32 indexed id, address indexed owner, uint64 amountNano);
    event BondSlashed(bytes32 indexed id, address indexed reporter, uint64 reporterNano, uint64 reserveNano);
    event LeastBondSet(uint64 leastBondNano);

    error DatasetRegistry_AlreadyRegistered(bytes32 id);
    error DatasetRegistry_UnknownDataset(bytes32 id);
    error DatasetRegistry_NotOwner(bytes32 id, address caller);
    error DatasetRegistry_AlreadyRetired(bytes32 id, uint40 retiredAt);
    error DatasetRegistry_NotRetired(bytes32 id);
    error DatasetRegistry_Empty(string field);
    error DatasetRegistry_TooMany(string field, uint256 count, uint256 limit);
    error DatasetRegistry_BondTooLow(uint64 bondNano, uint64 leastNano);
    error DatasetRegistry_NoBond(bytes32 id);
    /// @notice Thrown before a bond can be withdrawn; Unix timestamp, seconds.
    error DatasetRegistry_NotYet(bytes32 id, uint256 from);
    error DatasetRegistry_AlreadySuspended(bytes32 id, uint32 fromEpoch);
    error DatasetRegistry_NotSuspended(bytes32 id);
    /// @notice Thrown when a suspension would begin later than with the next epoch.
    error DatasetRegistry_EpochTooLate(uint32 fromEpoch, uint32 latest);
    error DatasetRegistry_ReporterPartTooHigh(uint32 reporterPpm, uint32 limitPpm);
    error DatasetRegistry_LeastBondOutOfBounds(uint64 leastBondNano, uint64 bound);
    error DatasetRegistry_BadReserve(address reserve);

    /* OWNER */

    /// @notice Registers a dataset; the caller becomes its owner and puts up the bond.
    /// @param bondNano At least {leastBondNano}.
    /// @return id keccak256(abi.encode(owner, dataset)).
    function register(Dataset calldata dataset, uint64 bondNano) external returns (bytes32 id);

    /// @notice Ends a dataset for epochs that begin later; owner only. Models may go on naming it.
    function retire(bytes32 id) external;

    /// @notice Pays the bond of a retired dataset to its owner, {unbonding} after it was retired; anybody may call. While it
    /// is suspended not before {slashTime} after that.
    function withdraw(bytes32 id) external;

    /* REMOVAL */

    /// @notice Takes a dataset out of the epochs from `fromEpoch` on; guardian or governance. A suspension that stands can only
    /// be made to begin earlier, which holds the bond no longer.
    /// @param fromEpoch 1 to the epoch after the current one.
    /// @param reason For people; hash of a text or the text itself.
    function suspend(bytes32 id, uint32 fromEpoch, bytes32 reason) external;

    /* GOVERNANCE */

    /// @notice Lets a dataset count again from the next epoch on; governance only. Not once its bond is gone.
    function resume(bytes32 id) external;

    /// @notice Takes the bond of a suspended dataset; governance only.
    /// @param reporter Gets a part of it; zero with `reporterPpm` 0.
    /// @param reporterPpm At most {MAX_REPORTER_PPM}, rounded down; the rest goes to the reserve.
    function slashBond(bytes32 id, address reporter, uint32 reporterPpm) external;

    /// @notice Sets the least bond of datasets to come, within bounds that never change; governance only.
    function setLeastBond(uint64 leastBondNano) external;

    /* VIEWS */

    /// @notice Whether a dataset counts for an epoch, as far as is known now. False for unknown ones.
    function countsFor(bytes32 id, uint32 epoch) external view returns (bool);

    /// @notice Whether an entry stands at a position of a dataset's contributors file. False for unknown datasets.
    function isContributor(
        bytes32 id,
        uint32 index,
        Contributor calldata entry,
        bytes32[] calldata path
    ) external view returns (bool);

    /// @notice A dataset; reverts when there is none.
    function getDataset(bytes32 id) external view returns (Dataset memory);

    function statusOf(bytes32 id) external view returns (DatasetStatus memory);

    /// @notice All suspensions of a dataset, oldest first.
    function suspensionsOf(bytes32 id) external view returns (Suspension[] memory);

    /// @return id The id of the `index`-th dataset, from 0.
    function datasetAt(uint256 index) external view returns (bytes32 id);

    function datasetCount() external view returns (uint256);

    /// @notice The id that `register` gives for this owner and dataset.
    function datasetId(address owner, Dataset calldata dataset) external pure returns (bytes32 id);
}
