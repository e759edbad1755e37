// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Governed} from "../common/Governed.sol";

/// @notice What was approved of one image, in one slot: 4 + 5 + 5 + 5 = 19 bytes.
struct Measurement {
    bytes4 teeType; // the kind of document that may show it
    uint40 activeFrom; // Unix timestamp, seconds
    uint40 activeUntil; // Unix timestamp, seconds, the last second; 0 = no end
    uint40 revokedAt; // Unix timestamp, seconds; 0 = not revoked
}

/// @title MeasurementPolicy
/// @notice Which enclave images may hold keys: proposed → (delay) → active → deprecated → revoked. An approval waits, a
/// removal does not. Keys name their measurement by index and its entry is read at each use, so that revoking an image
/// is one write however many keys it has.
///
/// INVARIANTS
/// @dev An entry that was revoked or whose end has passed never becomes active again: the image needs a new entry.
abstract contract MeasurementPolicy is Governed {
    /// @param note Where the image comes from: source commit and hash of the reproducible build.
    event MeasurementProposed(
        uint32 indexed index,
        bytes32 indexed measurementId,
        bytes4 teeType,
        uint40 activeFrom,
        string note
    );
    event MeasurementDeprecated(uint32 indexed index, uint40 activeUntil);
    event MeasurementRevoked(uint32 indexed index);

    error MeasurementPolicy_Unknown(uint32 index);
    /// @notice Thrown when an image is proposed whose entry is active and has no end.
    error MeasurementPolicy_AlreadyActive(bytes32 measurementId, uint32 index);
    error MeasurementPolicy_Revoked(uint32 index, uint40 revokedAt);
    /// @notice Thrown when an end would be later than the one that stands; 0 stands for none.
    error MeasurementPolicy_EndNotEarlier(uint32 index, uint40 activeUntil, uint40 standing);

    /// @notice Between a proposal and its activity, in seconds. Longer than the release delay: who does not want to rely
    /// on a new image has left by then.
    uint32 public immutable measurementDelay;

    /// @notice Number of entries; indices run from 1.
    uint32 public measurementCount;

    /// @dev The latest entry of an image, 0 when there is none.
    mapping(bytes32 measurementId => uint32 index) internal _latest;

    /// @dev The entry that was active when this one was proposed, 0 when there was none.
    mapping(uint32 index => uint32 earlier) internal _earlier;

    mapping(uint32 index => Measurement) internal _measurements;

    constructor(uint32 measurementDelay_) {
        measurementDelay = measurementDelay_;
    }

    /// @notice Proposes an image; governance only. Active after {measurementDelay}.
    function proposeMeasurement(
        bytes32 measurementId,
        bytes4 teeType,
        string calldata note
    ) external onlyGovernance returns (uint32 index) {
        uint32 standing = measurementIndex(measurementId);
        if (isMeasurementActive(standing) && _measurements[standing].activeUntil == 0) {
            revert MeasurementPolicy_AlreadyActive(measurementId, standing);
        }
        return _addMeasurement(measurementId, teeType, uint40(block.timestamp) + measurementDelay, note);
    }

    /// @notice Sets or brings forward the end of an image; guardian or governance.
    /// @param activeUntil Unix timestamp, seconds, the last second it counts.
    function deprecateMeasurement(uint32 index, uint40 activeUntil) external onlyGuardian {
        Measurement storage entry = _known(index);
        uint40 standing = entry.activeUntil;
        if (activeUntil == 0 || (standing != 0 && activeUntil >= standing)) {
            revert MeasurementPolicy_EndNotEarlier(index, activeUntil, standing);
        }
        entry.activeUntil = activeUntil;
        emit MeasurementDeprecated(index, activeUntil);
    }

    /// @notice Ends an image at once, and with it every key it holds; guardian or governance.
    function revokeMeasurement(uint32 index) external onlyGuardian {
        Measurement storage entry = _known(index);
        if (entry.revokedAt != 0) revert MeasurementPolicy_Revoked(index, entry.revokedAt);
        entry.revokedAt = uint40(block.timestamp);
        emit MeasurementRevoked(index);
    }

    /// @notice An entry; zeros when there is none.
    function getMeasurement(uint32 index) external view returns (Measurement memory) {
        return _measurements[index];
    }

    /// @return index The entry of an image that counts in this block, else the latest one; 0 when there is none. An image
    /// whose entry has an end can be proposed anew in time: the standing entry counts until the new one is active.
    function measurementIndex(bytes32 measurementId) public view returns (uint32 index) {
        index = _latest[measurementId];
        uint32 earlier = _earlier[index];
        if (!isMeasurementActive(index) && isMeasurementActive(earlier)) return earlier;
    }

    /// @return active Whether an entry counts in this block.
    function isMeasurementActive(uint32 index) public view returns (bool active) {
        Measurement storage entry = _measurements[index];
        return
            entry.activeFrom != 0 &&
            block.timestamp >= entry.activeFrom &&
            (entry.activeUntil == 0 || block.timestamp <= entry.activeUntil) &&
            entry.revokedAt == 0;
    }

    function _addMeasurement(
        bytes32 measurementId,
        bytes4 teeType,
        uint40 activeFrom,
        string memory note
    ) internal returns (uint32 index) {
        index = ++measurementCount;
        _earlier[index] = measurementIndex(measurementId);
        _latest[measurementId] = index;
        _measurements[index] = Measurement({teeType: teeType, activeFrom: activeFrom, activeUntil: 0, revokedAt: 0});
        emit MeasurementProposed(index, measurementId, teeType, activeFrom, note);
    }

    function _known(uint32 index) private view returns (Measurement storage entry) {
        entry = _measurements[index];
        if (entry.activeFrom == 0) revert MeasurementPolicy_Unknown(index);
    }
}
