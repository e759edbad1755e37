// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "../common/Governed.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {INodeRegistry, Node, NodeClass} from "../registry/INodeRegistry.sol";
import {ITeeRegistry, TeeBinding, TeeKey} from "./ITeeRegistry.sol";
import {ITeeVerifier, TeeFlags} from "./ITeeVerifier.sol";
import {MeasurementPolicy} from "./MeasurementPolicy.sol";

/// @notice An image that is approved from the first block, with the verifier of its kind.
struct GenesisMeasurement {
    ITeeVerifier verifier;
    bytes32 measurementId;
    string note;
}

/// @title TeeRegistry
/// @notice See {ITeeRegistry}.
///
/// TRUST
/// @dev The verifiers that governance named, and the measurements it approved after a delay. The guardian can only remove.
///
/// INVARIANTS
/// @dev A key counts only while its registration, its measurement and itself are valid in the same block. A key is of one
/// node for ever; a revoked key never counts again. No loop over keys exists.
contract TeeRegistry is ITeeRegistry, MeasurementPolicy, EIP712 {
    bytes32 internal constant POSSESSION_TYPEHASH = keccak256(
        "KeyPossession(uint32 operator,uint32 node,bytes32 challenge)"
    );

    /// @notice How old a document with a clock may be, in milliseconds.
    uint256 public constant MAX_AGE_MS = 10 minutes * 1000;

    /// @notice How far the clock of a document may be ahead, in milliseconds.
    uint256 public constant MAX_SKEW_MS = 60_000;

    INodeRegistry public immutable nodes;

    /// @notice For how long a registration counts, in seconds.
    uint32 public immutable keyLifetime;

    /* STORAGE */

    /// @inheritdoc ITeeRegistry
    mapping(bytes4 teeType => ITeeVerifier) public verifierOf;

    mapping(address key => TeeKey) internal _keys;
    mapping(bytes32 reportData => bool) internal _usedBindings;

    constructor(
        INodeRegistry nodes_,
        ProtocolTimes memory times,
        uint32 keyLifetime_,
        address governance_,
        address guardian_,
        GenesisMeasurement[] memory genesis
    )
        EIP712("OPG TeeRegistry", "1")
        Governed(governance_, guardian_, times.parameterDelay)
        MeasurementPolicy(times.measurementDelay)
    {
        ProtocolTimesLib.check(times);
        nodes = nodes_;
        keyLifetime = keyLifetime_;
        for (uint256 i; i < genesis.length; ++i) {
            bytes4 teeType = genesis[i].verifier.teeType();
            verifierOf[teeType] = genesis[i].verifier;
            emit TeeVerifierSet(teeType, genesis[i].verifier);
            _addMeasurement(genesis[i].measurementId, teeType, uint40(block.timestamp), genesis[i].note);
        }
    }

    /* KEYS */

    /// @inheritdoc ITeeRegistry
    function register(
        uint32 node,
        bytes4 teeType,
        bytes calldata publicKey,
        uint256 challengeBlock,
        TeeBinding calldata binding,
        bytes calldata evidence,
        bytes calldata hints,
        bytes calldata possession
    ) external returns (address key) {
        // Checks.
        uint32 operator = _checkOperator(node);
        key = _addressOf(publicKey);
        bytes32 challenge = challengeOf(operator, challengeBlock);
        _checkPossession(key, operator, node, challenge, possession);
        TeeKey memory known = _keys[key];
        if (known.operator != 0 && known.node != node) revert TeeRegistry_KeyOfAnother(key, known.node);
        if (known.revokedAt != 0) revert TeeRegistry_Revoked(key, known.revokedAt);

        // The verifier may write to caches of its own; it was named by governance and cannot call back to any effect,
        // because everything below depends on what it returns.
        ITeeVerifier verifier = verifierOf[teeType];
        if (address(verifier) == address(0)) revert TeeRegistry_NoVerifier(teeType);
        ITeeVerifier.Claims memory claims = verifier.verify(evidence, hints);
        bytes32 expected = bindingOf(operator, node, challenge, publicKey, binding);
        _checkClaims(claims, expected, challenge);
        uint32 measurement = _checkMeasurement(claims.measurementId, teeType);

        // Effects.
        uint256 end = block.timestamp + keyLifetime;
        if (claims.validUntil < end) end = claims.validUntil;
        _usedBindings[expected] = true;
        _keys[key] = TeeKey({
            operator: operator,
            node: node,
            measurement: measurement,
            registeredAt: known.registeredAt == 0 ? uint40(block.timestamp) : known.registeredAt,
            validUntil: uint40(end), // at most now + keyLifetime
            revokedAt: 0
        });
        emit TeeKeyRegistered(key, operator, node, measurement, uint40(end), claims.platformId, binding);
    }

    /// @inheritdoc ITeeRegistry
    function revokeKey(address key) external {
        TeeKey storage record = _keys[key];
        if (record.operator == 0) revert TeeRegistry_UnknownKey(key);
        if (record.revokedAt != 0) revert TeeRegistry_Revoked(key, record.revokedAt);
        if (msg.sender != guardian && msg.sender != governance) _checkSpeaksFor(record.node, record.operator);
        record.revokedAt = uint40(block.timestamp);
        emit TeeKeyRevoked(key);
    }

    /// @inheritdoc ITeeRegistry
    function setVerifier(bytes4 teeType, ITeeVerifier verifier) external {
        if (address(verifier) == address(0)) _onlyGuardian();
        else _onlyGovernance();
        verifierOf[teeType] = verifier;
        emit TeeVerifierSet(teeType, verifier);
    }

    /* VIEWS */

    /// @inheritdoc ITeeRegistry
    function activeOperator(address key) external view returns (uint32) {
        TeeKey storage record = _keys[key];
        if (block.timestamp > record.validUntil || record.revokedAt != 0) return 0;
        return isMeasurementActive(record.measurement) ? record.operator : 0;
    }

    /// @inheritdoc ITeeRegistry
    function nodeAt(address key, uint256 moment) external view returns (uint32) {
        TeeKey storage record = _keys[key];
        if (moment > record.validUntil || _revoked(record.revokedAt, moment)) return 0;
        return _revoked(_measurements[record.measurement].revokedAt, moment) ? 0 : record.node;
    }

    /// @inheritdoc ITeeRegistry
    function getKey(address key) external view returns (TeeKey memory) {
        return _keys[key];
    }

    /// @inheritdoc ITeeRegistry
    function challengeOf(uint32 operator, uint256 blockNumber) public view returns (bytes32) {
        bytes32 hash = blockhash(blockNumber);
        if (hash == 0) revert TeeRegistry_ChallengeTooOld(blockNumber, block.number);
        return keccak256(abi.encode("OPG challenge", block.chainid, this, operator, blockNumber, hash));
    }

    /// @inheritdoc ITeeRegistry
    function bindingOf(
        uint32 operator,
        uint32 node,
        bytes32 challenge,
        bytes calldata publicKey,
        TeeBinding calldata binding
    ) public view returns (bytes32) {
        return
            sha256(
                abi.encode(
                    "OPG binding v1",
                    block.chainid,
                    this,
                    operator,
                    node,
                    challenge,
                    keccak256(publicKey),
                    binding
                )
            );
    }

    /* INTERNAL */

    function _revoked(uint40 revokedAt, uint256 moment) internal pure returns (bool) {
        return revokedAt != 0 && moment >= revokedAt;
    }

    function _checkOperator(uint32 node) internal view returns (uint32 operator) {
        Node memory record = nodes.getNode(node);
        if (record.class != NodeClass.VERIFIER || record.retiredAt != 0) revert TeeRegistry_NotVerifierNode(node);
        operator = record.operator;
        if (msg.sender != record.key) _checkSpeaksFor(node, operator);
    }

    function _checkSpeaksFor(uint32 node, uint32 operator) internal view {
        if (msg.sender == nodes.ownerOf(operator)) return;
        if (nodes.keyRecord(msg.sender).node == node && nodes.getNode(node).key == msg.sender) return;
        revert TeeRegistry_NotOperator(node, msg.sender);
    }

    function _checkPossession(
        address key,
        uint32 operator,
        uint32 node,
        bytes32 challenge,
        bytes calldata possession
    ) internal view {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(POSSESSION_TYPEHASH, operator, node, challenge)));
        (address recovered, , ) = ECDSA.tryRecoverCalldata(digest, possession);
        if (recovered != key) revert TeeRegistry_NoPossession(recovered, key);
    }

    function _checkClaims(ITeeVerifier.Claims memory claims, bytes32 expected, bytes32 challenge) internal view {
        if (claims.flags & TeeFlags.DEBUG != 0) revert TeeRegistry_DebugEnclave(claims.platformId);
        if (claims.reportData != expected) revert TeeRegistry_WrongBinding(claims.reportData, expected);
        if (_usedBindings[expected]) revert TeeRegistry_BindingUsed(expected);
        if (claims.nonce != 0 && claims.nonce != challenge) {
            revert TeeRegistry_WrongChallenge(claims.nonce, challenge);
        }
        if (claims.issuedAtMs != 0) {
            uint256 nowMs = block.timestamp * 1000;
            if (claims.issuedAtMs > nowMs + MAX_SKEW_MS)
                revert TeeRegistry_DocumentFromFuture(claims.issuedAtMs, nowMs);
            if (claims.issuedAtMs + MAX_AGE_MS < nowMs) revert TeeRegistry_DocumentTooOld(claims.issuedAtMs, nowMs);
        }
    }

    function _checkMeasurement(bytes32 measurementId, bytes4 teeType) internal view returns (uint32 index) {
        index = measurementIndex(measurementId);
        if (!isMeasurementActive(index)) revert TeeRegistry_MeasurementNotActive(measurementId, index);
        bytes4 approved = _measurements[index].teeType;
        if (approved != teeType) revert TeeRegistry_WrongKind(teeType, approved);
    }

    function _addressOf(bytes calldata publicKey) internal pure returns (address) {
        if (publicKey.length != 64) revert TeeRegistry_BadPublicKey(publicKey.length);
        // An Ethereum address is the low 20 bytes of the key's hash.
        return address(uint160(uint256(keccak256(publicKey))));
    }
}
