// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EngineTuple} from "./EngineTuple.sol";

/// @dev How exactly a version can be executed again.
enum Profile {
    NONE, // not at all: no audits
    EXACT_INT8, // integers only: identical on every engine
    PINNED, // bit-exact within one engine tuple
    TOLERANCE // float models on GPUs: a verdict within bounds, no automatic slash
}

/// @notice A dataset that a version was made from.
struct DatasetUse {
    bytes32 dataset; // id in the dataset registry; it may be registered later
    uint32 weightPpm; // its part of what contributors get for the version, parts per million, from 1
}

/// @notice A model version as its publisher registers it. It never changes; a change is a new version.
struct ModelVersion {
    string name; // of the model, at most 64 bytes
    string version; // for people, at most 32 bytes
    bytes32 artifactSha256; // of the file that workers load
    string format; // "onnx", "safetensors", "gguf"
    string uri; // where the artifact can be had, at most 256 bytes
    EngineTuple[] engines; // what it may run on
    Profile profile;
    string licence; // SPDX identifier
    string unit; // what a unit is: "token", "byte", "item"
    uint64 inputPriceNano; // nano per input unit
    uint64 outputPriceNano; // nano per output unit
    uint32 royaltyPpm; // the publisher's part of the price, parts per million
    uint32 payee; // the publisher's earnings account in the settlement contract
    DatasetUse[] datasets; // weights add up to at most 1,000,000
    bytes32 circuit; // id of the zk circuit, zero when there is none
}

/// @title IModelRegistry
/// @notice Model versions. The id of a version is the hash of everything in it, so a receipt that names the id names the
/// artifact, the price and the royalty.
interface IModelRegistry {
    event ModelVersionPublished(
        bytes32 indexed id,
        address indexed publisher,
        bytes32 indexed artifactSha256,
        string name,
        string version
    );
    event ModelVersionRetired(bytes32 indexed id);

    error ModelRegistry_AlreadyPublished(bytes32 id);
    error ModelRegistry_UnknownVersion(bytes32 id);
    error ModelRegistry_NotPublisher(bytes32 id, address caller);
    error ModelRegistry_AlreadyRetired(bytes32 id, uint40 retiredAt);
    error ModelRegistry_NoArtifact();
    error ModelRegistry_NoEngine();
    error ModelRegistry_TooMany(string field, uint256 count, uint256 limit);
    error ModelRegistry_RoyaltyTooHigh(uint32 royaltyPpm, uint32 limitPpm);
    error ModelRegistry_DatasetTwice(bytes32 dataset);
    error ModelRegistry_NoWeight(bytes32 dataset);
    error ModelRegistry_WeightsTooHigh(uint256 sumPpm, uint256 limitPpm);

    /// @notice Publishes a version; the caller becomes its publisher.
    /// @return id keccak256(abi.encode(publisher, version)).
    function publish(ModelVersion calldata version) external returns (bytes32 id);

    /// @notice Ends a version for new inferences; publisher only. Receipts that name it stay valid.
    function retire(bytes32 id) external;

    /// @notice A version; reverts when there is none.
    function getVersion(bytes32 id) external view returns (ModelVersion memory);

    /// @notice The price list of a version, without the rest of its record; zeros when there is none.
    /// @return inputPriceNano Nano per input unit.
    /// @return outputPriceNano Nano per output unit.
    function pricesOf(bytes32 id) external view returns (uint64 inputPriceNano, uint64 outputPriceNano);

    /// @return publisher Zero when the version is unknown.
    /// @return publishedAt Unix timestamp, seconds.
    /// @return retiredAt Unix timestamp, seconds; 0 while it may be served.
    function status(bytes32 id) external view returns (address publisher, uint40 publishedAt, uint40 retiredAt);

    /// @return id The id of the `index`-th version, from 0.
    function versionAt(uint256 index) external view returns (bytes32 id);

    function versionCount() external view returns (uint256);

    /// @notice The id that `publish` gives for this publisher and version.
    function versionId(address publisher, ModelVersion calldata version) external pure returns (bytes32 id);
}
