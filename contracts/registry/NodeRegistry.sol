// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EngineTuple, EngineTupleLib} from "./EngineTuple.sol";
import {INodeRegistry, KeyRecord, Node, NodeClass, NodeParams} from "./INodeRegistry.sol";

/// @title NodeRegistry
/// @notice See {INodeRegistry}.
///
/// TRUST
/// @dev Nobody: an operator speaks for its own nodes only, and a key must sign that it is theirs.
///
/// INVARIANTS
/// @dev A key belongs to one node for ever. The heartbeat time of a node only grows and was never in the future.
contract NodeRegistry is INodeRegistry, EIP712 {
    using EngineTupleLib for EngineTuple;

    bytes32 internal constant NODE_KEY_TYPEHASH = keccak256("NodeKey(uint32 operator,uint8 class,address key)");
    bytes32 internal constant HEARTBEAT_TYPEHASH = keccak256("Heartbeat(uint32 node,uint40 signedAt)");
    uint256 internal constant MAX_ENDPOINT_BYTES = 256;
    uint256 internal constant MAX_ENGINES = 16;

    /* STORAGE */

    /// @inheritdoc INodeRegistry
    uint32 public operatorCount;

    /// @inheritdoc INodeRegistry
    uint32 public nodeCount;

    /// @inheritdoc INodeRegistry
    mapping(uint32 operator => address owner) public ownerOf;

    /// @inheritdoc INodeRegistry
    mapping(address owner => uint32 operator) public operatorOwnedBy;

    mapping(uint32 operator => address to) internal _proposedOwner;
    mapping(uint32 node => Node) internal _nodes;
    mapping(address key => KeyRecord) internal _keys;
    mapping(bytes32 engine => bool) internal _engineSeen;

    constructor() EIP712("OPG NodeRegistry", "1") {}

    /* OPERATORS */

    /// @inheritdoc INodeRegistry
    function registerOperator() external returns (uint32 operator) {
        _checkOwnsNone(msg.sender);
        operator = ++operatorCount;
        ownerOf[operator] = msg.sender;
        operatorOwnedBy[msg.sender] = operator;
        emit OperatorRegistered(operator, msg.sender);
    }

    /// @inheritdoc INodeRegistry
    function proposeOwner(uint32 operator, address to) external {
        _checkOwner(operator);
        _proposedOwner[operator] = to;
        emit OperatorHandoverProposed(operator, to);
    }

    /// @inheritdoc INodeRegistry
    function acceptOwner(uint32 operator) external {
        if (_proposedOwner[operator] != msg.sender) revert NodeRegistry_NotProposed(operator, msg.sender);
        _checkOwnsNone(msg.sender);
        address from = ownerOf[operator];
        delete _proposedOwner[operator];
        delete operatorOwnedBy[from];
        ownerOf[operator] = msg.sender;
        operatorOwnedBy[msg.sender] = operator;
        emit OperatorHandedOver(operator, from, msg.sender);
    }

    /* NODES */

    /// @inheritdoc INodeRegistry
    function registerNode(NodeParams calldata params, bytes calldata keySignature) external returns (uint32 node) {
        uint32 operator = operatorOwnedBy[msg.sender];
        if (operator == 0) revert NodeRegistry_NotOwner(0, msg.sender);
        if (params.class == NodeClass.NONE) revert NodeRegistry_NoClass();
        node = ++nodeCount;
        _claimKey(node, operator, params.class, params.key, keySignature);

        Node storage record = _nodes[node];
        record.operator = operator;
        record.class = params.class;
        record.key = params.key;
        record.registeredAt = uint40(block.timestamp); // fits until the year 36812
        _describe(record, params.payee, params.endpoint, params.engines);
        emit NodeRegistered(node, operator, params.class, params.key, params.payee, params.endpoint);
    }

    /// @inheritdoc INodeRegistry
    function updateNode(uint32 node, uint32 payee, string calldata endpoint, EngineTuple[] calldata engines) external {
        _describe(_ownServing(node), payee, endpoint, engines);
        emit NodeUpdated(node, payee, endpoint);
    }

    /// @inheritdoc INodeRegistry
    function rotateKey(uint32 node, address key, bytes calldata keySignature) external {
        Node storage record = _ownServing(node);
        address old = record.key;
        _claimKey(node, record.operator, record.class, key, keySignature);
        _keys[old].validUntil = uint40(block.timestamp);
        record.key = key;
        emit NodeKeyRotated(node, old, key);
    }

    /// @inheritdoc INodeRegistry
    function retireNode(uint32 node) external {
        Node storage record = _ownServing(node);
        record.retiredAt = uint40(block.timestamp);
        _keys[record.key].validUntil = uint40(block.timestamp);
        emit NodeRetired(node);
    }

    /// @inheritdoc INodeRegistry
    function heartbeat(uint32 node, uint40 signedAt, bytes calldata signature) external {
        Node storage record = _serving(node);
        if (signedAt <= record.heartbeatAt) {
            revert NodeRegistry_HeartbeatNotNewer(node, signedAt, record.heartbeatAt);
        }
        if (signedAt > block.timestamp) revert NodeRegistry_HeartbeatFromFuture(node, signedAt, block.timestamp);
        _checkSignature(keccak256(abi.encode(HEARTBEAT_TYPEHASH, node, signedAt)), signature, record.key);
        record.heartbeatAt = signedAt;
        emit Heartbeat(node, signedAt);
    }

    /* VIEWS */

    /// @inheritdoc INodeRegistry
    function getNode(uint32 node) external view returns (Node memory) {
        if (node == 0 || node > nodeCount) revert NodeRegistry_UnknownNode(node);
        return _nodes[node];
    }

    /// @inheritdoc INodeRegistry
    function getNodes(uint32 from, uint32 to) external view returns (Node[] memory nodes) {
        if (to > nodeCount + 1) to = nodeCount + 1;
        if (from == 0) from = 1;
        nodes = new Node[](to > from ? to - from : 0);
        for (uint256 i; i < nodes.length; ++i) {
            nodes[i] = _nodes[from + uint32(i)]; // i < to, which is a uint32
        }
    }

    /// @inheritdoc INodeRegistry
    function keyRecord(address key) external view returns (KeyRecord memory) {
        return _keys[key];
    }

    /* INTERNAL */

    function _claimKey(
        uint32 node,
        uint32 operator,
        NodeClass class,
        address key,
        bytes calldata keySignature
    ) internal {
        uint32 holder = _keys[key].node;
        if (holder != 0) revert NodeRegistry_KeyTaken(key, holder);
        _checkSignature(keccak256(abi.encode(NODE_KEY_TYPEHASH, operator, class, key)), keySignature, key);
        _keys[key] = KeyRecord({node: node, validFrom: uint40(block.timestamp), validUntil: 0});
    }

    function _describe(
        Node storage record,
        uint32 payee,
        string calldata endpoint,
        EngineTuple[] calldata engines
    ) internal {
        if (bytes(endpoint).length > MAX_ENDPOINT_BYTES) {
            revert NodeRegistry_EndpointTooLong(bytes(endpoint).length, MAX_ENDPOINT_BYTES);
        }
        if (engines.length > MAX_ENGINES) revert NodeRegistry_TooManyEngines(engines.length, MAX_ENGINES);
        record.payee = payee;
        record.endpoint = endpoint;
        delete record.engines;
        for (uint256 i; i < engines.length; ++i) {
            EngineTuple memory tuple = engines[i];
            bytes32 id = tuple.id();
            record.engines.push(id);
            if (!_engineSeen[id]) {
                _engineSeen[id] = true;
                emit EngineSeen(id, tuple);
            }
        }
    }

    function _checkSignature(bytes32 structHash, bytes calldata signature, address expected) internal view {
        (address recovered, , ) = ECDSA.tryRecoverCalldata(_hashTypedDataV4(structHash), signature);
        if (recovered != expected || recovered == address(0)) {
            revert NodeRegistry_BadSignature(recovered, expected);
        }
    }

    function _serving(uint32 node) internal view returns (Node storage record) {
        record = _nodes[node];
        if (record.operator == 0) revert NodeRegistry_UnknownNode(node);
        if (record.retiredAt != 0) revert NodeRegistry_Retired(node, record.retiredAt);
    }

    function _ownServing(uint32 node) internal view returns (Node storage record) {
        record = _serving(node);
        _checkOwner(record.operator);
    }

    function _checkOwner(uint32 operator) internal view {
        address owner = ownerOf[operator];
        if (owner == address(0)) revert NodeRegistry_UnknownOperator(operator);
        if (owner != msg.sender) revert NodeRegistry_NotOwner(operator, msg.sender);
    }

    function _checkOwnsNone(address owner) internal view {
        uint32 operator = operatorOwnedBy[owner];
        if (operator != 0) revert NodeRegistry_AlreadyOperator(owner, operator);
    }
}
