// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PPM} from "../common/Nano.sol";
import {DatasetUse, IModelRegistry, ModelVersion} from "./IModelRegistry.sol";

/// @title ModelRegistry
/// @notice See {IModelRegistry}.
///
/// TRUST
/// @dev Nobody: a publisher speaks for its own versions only.
///
/// INVARIANTS
/// @dev A published version never changes, apart from being retired once.
contract ModelRegistry is IModelRegistry {
    struct Status {
        address publisher;
        uint40 publishedAt;
        uint40 retiredAt;
    }

    uint256 internal constant MAX_NAME_BYTES = 64;
    uint256 internal constant MAX_VERSION_BYTES = 32;
    uint256 internal constant MAX_TEXT_BYTES = 256;
    uint256 internal constant MAX_ENTRIES = 16;
    uint32 internal constant MAX_ROYALTY_PPM = 200_000; // 20 %

    /* STORAGE */

    /// @inheritdoc IModelRegistry
    mapping(bytes32 id => Status) public status;

    mapping(bytes32 id => ModelVersion) internal _versions;
    bytes32[] internal _ids;

    /* PUBLISHER */

    /// @inheritdoc IModelRegistry
    function publish(ModelVersion calldata version) external returns (bytes32 id) {
        _check(version);
        id = versionId(msg.sender, version);
        if (status[id].publisher != address(0)) revert ModelRegistry_AlreadyPublished(id);
        // The timestamp fits until the year 36812.
        status[id] = Status({publisher: msg.sender, publishedAt: uint40(block.timestamp), retiredAt: 0});
        _versions[id] = version;
        _ids.push(id);
        emit ModelVersionPublished(id, msg.sender, version.artifactSha256, version.name, version.version);
    }

    /// @inheritdoc IModelRegistry
    function retire(bytes32 id) external {
        Status storage current = status[id];
        if (current.publisher == address(0)) revert ModelRegistry_UnknownVersion(id);
        if (current.publisher != msg.sender) revert ModelRegistry_NotPublisher(id, msg.sender);
        if (current.retiredAt != 0) revert ModelRegistry_AlreadyRetired(id, current.retiredAt);
        current.retiredAt = uint40(block.timestamp);
        emit ModelVersionRetired(id);
    }

    /* VIEWS */

    /// @inheritdoc IModelRegistry
    function getVersion(bytes32 id) external view returns (ModelVersion memory) {
        if (status[id].publisher == address(0)) revert ModelRegistry_UnknownVersion(id);
        return _versions[id];
    }

    /// @inheritdoc IModelRegistry
    function pricesOf(bytes32 id) external view returns (uint64 inputPriceNano, uint64 outputPriceNano) {
        ModelVersion storage version = _versions[id];
        return (version.inputPriceNano, version.outputPriceNano);
    }

    /// @inheritdoc IModelRegistry
    function versionAt(uint256 index) external view returns (bytes32) {
        return _ids[index];
    }

    /// @inheritdoc IModelRegistry
    function versionCount() external view returns (uint256) {
        return _ids.length;
    }

    /// @inheritdoc IModelRegistry
    function versionId(address publisher, ModelVersion calldata version) public pure returns (bytes32) {
        return keccak256(abi.encode(publisher, version));
    }

    /* INTERNAL */

    function _check(ModelVersion calldata version) internal pure {
        if (version.artifactSha256 == 0) revert ModelRegistry_NoArtifact();
        if (version.engines.length == 0) revert ModelRegistry_NoEngine();
        if (version.royaltyPpm > MAX_ROYALTY_PPM) {
            revert ModelRegistry_RoyaltyTooHigh(version.royaltyPpm, MAX_ROYALTY_PPM);
        }
        _checkSize("name", bytes(version.name).length, MAX_NAME_BYTES);
        _checkSize("version", bytes(version.version).length, MAX_VERSION_BYTES);
        _checkSize("uri", bytes(version.uri).length, MAX_TEXT_BYTES);
        _checkSize("engines", version.engines.length, MAX_ENTRIES);
        _checkSize("datasets", version.datasets.length, MAX_ENTRIES);
        _checkDatasets(version.datasets);
    }

    /// @dev At most {MAX_ENTRIES}.
    function _checkDatasets(DatasetUse[] calldata uses) internal pure {
        uint256 sumPpm;
        for (uint256 i; i < uses.length; ++i) {
            bytes32 dataset = uses[i].dataset;
            if (uses[i].weightPpm == 0) revert ModelRegistry_NoWeight(dataset);
            for (uint256 j; j < i; ++j) {
                if (uses[j].dataset == dataset) revert ModelRegistry_DatasetTwice(dataset);
            }
            sumPpm += uses[i].weightPpm;
        }
        if (sumPpm > PPM) revert ModelRegistry_WeightsTooHigh(sumPpm, PPM);
    }

    function _checkSize(string memory field, uint256 count, uint256 limit) internal pure {
        if (count > limit) revert ModelRegistry_TooMany(field, count, limit);
    }
}
