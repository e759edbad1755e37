// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EngineTuple} from "./EngineTuple.sol";

/// @dev What a node does. A node has one class; an operator runs as many nodes as it likes.
enum NodeClass {
    NONE,
    WORKER, // runs models
    VERIFIER, // checks and signs receipts with an attested key
    SETTLER // serves HTTP, collects receipts, commits batches
}

/// @notice One node.
struct Node {
    // slot 0: 4 + 1 + 4 + 5 + 5 + 5 = 24 bytes
    uint32 operator; // the operator that answers for it
    NodeClass class;
    uint32 payee; // earnings account in the settlement contract
    uint40 registeredAt; // Unix timestamp, seconds
    uint40 retiredAt; // Unix timestamp, seconds; 0 while it serves
    uint40 heartbeatAt; // the signed time of the last heartbeat, Unix timestamp, seconds
    // slot 1: 20 bytes
    address key; // signs what the node answers for
    string endpoint; // where it is reached, at most 256 bytes
    bytes32[] engines; // ids of the engine tuples it runs
}

/// @notice What an operator says of a node when it registers or updates it.
struct NodeParams {
    NodeClass class;
    address key;
    uint32 payee;
    string endpoint;
    EngineTuple[] engines;
}

/// @notice For how long a key spoke for a node. Never forgotten, so that old signatures can be judged later.
struct KeyRecord {
    uint32 node; // 0: never a key of a node
    uint40 validFrom; // Unix timestamp, seconds
    uint40 validUntil; // Unix timestamp, seconds; 0 while valid
}

/// @title INodeRegistry
/// @notice Operators and their nodes. Ids are small numbers from 1 upwards and are never used again.
interface INodeRegistry {
    event OperatorRegistered(uint32 indexed operator, address indexed owner);
    event OperatorHandoverProposed(uint32 indexed operator, address indexed to);
    event OperatorHandedOver(uint32 indexed operator, address indexed from, address indexed to);
    event NodeRegistered(
        uint32 indexed node,
        uint32 indexed operator,
        NodeClass indexed class,
        address key,
        uint32 payee,
        string endpoint
    );
    event NodeUpdated(uint32 indexed node, uint32 payee, string endpoint);
    event NodeKeyRotated(uint32 indexed node, address indexed from, address indexed to);
    event NodeRetired(uint32 indexed node);
    /// @param signedAt The time that the node signed, Unix timestamp, seconds.
    event Heartbeat(uint32 indexed node, uint40 signedAt);
    /// @notice Emitted for each engine tuple seen for the first time, so that ids can be read back.
    event EngineSeen(bytes32 indexed id, EngineTuple tuple);

    error NodeRegistry_AlreadyOperator(address owner, uint32 operator);
    error NodeRegistry_NotOwner(uint32 operator, address caller);
    error NodeRegistry_NotProposed(uint32 operator, address caller);
    error NodeRegistry_UnknownOperator(uint32 operator);
    error NodeRegistry_UnknownNode(uint32 node);
    error NodeRegistry_Retired(uint32 node, uint40 retiredAt);
    error NodeRegistry_NoClass();
    /// @notice Thrown when the key speaks or spoke for another node: a key is used once.
    error NodeRegistry_KeyTaken(address key, uint32 node);
    /// @notice Thrown when a signature is not by the key that it should be by.
    error NodeRegistry_BadSignature(address recovered, address expected);
    error NodeRegistry_EndpointTooLong(uint256 length, uint256 limit);
    error NodeRegistry_TooManyEngines(uint256 count, uint256 limit);
    /// @notice Thrown when a heartbeat is not later than the last one.
    error NodeRegistry_HeartbeatNotNewer(uint32 node, uint40 signedAt, uint40 last);
    /// @notice Thrown when a heartbeat was signed for a time that the chain has not reached.
    error NodeRegistry_HeartbeatFromFuture(uint32 node, uint40 signedAt, uint256 now_);

    /// @notice Makes the caller an operator. An address owns one operator at most.
    /// @return operator The new id.
    function registerOperator() external returns (uint32 operator);

    /// @notice Offers an operator to `to`, which must accept; zero withdraws the offer. Owner only.
    function proposeOwner(uint32 operator, address to) external;

    /// @notice Takes over an operator that was offered to the caller.
    function acceptOwner(uint32 operator) external;

    /// @notice Registers a node of the caller's operator.
    ///
    /// Requirements:
    /// - The caller owns an operator.
    /// - `params.key` was never a key of a node, and signed `NodeKey(uint32 operator,uint8 class,address key)`.
    ///
    /// @return node The new id.
    function registerNode(NodeParams calldata params, bytes calldata keySignature) external returns (uint32 node);

    /// @notice Changes payee, endpoint and engines of a node; class and key stay. Owner of its operator only.
    function updateNode(uint32 node, uint32 payee, string calldata endpoint, EngineTuple[] calldata engines) external;

    /// @notice Replaces the key of a node. The old one stays on record with the time it ended.
    /// @param keySignature `NodeKey(uint32 operator,uint8 class,address key)` signed by the new key.
    function rotateKey(uint32 node, address key, bytes calldata keySignature) external;

    /// @notice Ends a node for good. Owner of its operator only.
    function retireNode(uint32 node) external;

    /// @notice Records that a node was alive at `signedAt`; anybody may relay it.
    /// @param signature `Heartbeat(uint32 node,uint40 signedAt)` signed by the node's key.
    function heartbeat(uint32 node, uint40 signedAt, bytes calldata signature) external;

    /// @return owner The owner of an operator, zero when there is none.
    function ownerOf(uint32 operator) external view returns (address owner);

    /// @return operator The operator that an address owns, 0 when none.
    function operatorOwnedBy(address owner) external view returns (uint32 operator);

    /// @notice A node; reverts when there is none.
    function getNode(uint32 node) external view returns (Node memory);

    /// @notice Nodes `from` to `to` - 1; `to` is cut to what there is.
    function getNodes(uint32 from, uint32 to) external view returns (Node[] memory);

    /// @return record The node that a key speaks or spoke for, and when.
    function keyRecord(address key) external view returns (KeyRecord memory record);

    function operatorCount() external view returns (uint32);

    function nodeCount() external view returns (uint32);
}
