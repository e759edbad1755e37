// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITeeVerifier} from "./ITeeVerifier.sol";

/// @notice An enclave key, in one slot: 4 + 4 + 4 + 5 + 5 + 5 = 27 bytes.
struct TeeKey {
    uint32 operator; // who answers for it; 0: never registered
    uint32 node; // the verifier node it signs for
    uint32 measurement; // index of the image's entry, read at each use
    uint40 registeredAt; // Unix timestamp, seconds
    uint40 validUntil; // Unix timestamp, seconds, the last second
    uint40 revokedAt; // Unix timestamp, seconds; 0 = not revoked
}

/// @notice What an enclave binds into its document beside its operator and challenge. Zero where it has none.
struct TeeBinding {
    bytes32 encryptionKeyHash; // keccak256 of the key that requests are sealed to
    bytes32 tlsKeyHash; // keccak256 of the TLS key's SubjectPublicKeyInfo
    bytes32 modelSetHash; // hash of the set of models it serves
    bytes32 gpuRoot; // hash of the GPU evidence that belongs to it
}

/// @title ITeeRegistry
/// @notice Keys that live in attested enclaves.
interface ITeeRegistry {
    event TeeVerifierSet(bytes4 indexed teeType, ITeeVerifier verifier);
    event TeeKeyRegistered(
        address indexed key,
        uint32 indexed operator,
        uint32 indexed node,
        uint32 measurement,
        uint40 validUntil,
        bytes32 platformId,
        TeeBinding binding
    );
    event TeeKeyRevoked(address indexed key);

    error TeeRegistry_NoVerifier(bytes4 teeType);
    /// @notice Thrown when the caller neither owns the node's operator nor is the node's key.
    error TeeRegistry_NotOperator(uint32 node, address caller);
    error TeeRegistry_NotVerifierNode(uint32 node);
    error TeeRegistry_BadPublicKey(uint256 length);
    /// @notice Thrown when the block of the challenge is not among the last 256.
    error TeeRegistry_ChallengeTooOld(uint256 blockNumber, uint256 current);
    error TeeRegistry_WrongChallenge(bytes32 nonce, bytes32 challenge);
    /// @notice Thrown when the document was made for another key, operator, chain or challenge.
    error TeeRegistry_WrongBinding(bytes32 reportData, bytes32 expected);
    error TeeRegistry_BindingUsed(bytes32 reportData);
    error TeeRegistry_DebugEnclave(bytes32 platformId);
    error TeeRegistry_MeasurementNotActive(bytes32 measurementId, uint32 index);
    error TeeRegistry_WrongKind(bytes4 teeType, bytes4 approved);
    error TeeRegistry_DocumentFromFuture(uint64 issuedAtMs, uint256 nowMs);
    error TeeRegistry_DocumentTooOld(uint64 issuedAtMs, uint256 nowMs);
    /// @notice Thrown when the key did not sign for this operator, node and challenge.
    error TeeRegistry_NoPossession(address recovered, address key);
    error TeeRegistry_KeyOfAnother(address key, uint32 node);
    error TeeRegistry_UnknownKey(address key);
    error TeeRegistry_Revoked(address key, uint40 revokedAt);

    /// @notice Registers the key of an enclave, or renews it with a new document.
    ///
    /// Requirements:
    /// - The caller owns the node's operator, or is the node's key; the node is a serving verifier.
    /// - The document verifies, is not of a debug enclave, is at most {MAX_AGE_MS} old, and shows an active measurement.
    /// - Its report data is `bindingOf(...)` of exactly these arguments, for a challenge of one of the last 256 blocks.
    /// - The key signed `KeyPossession(uint32 operator,uint32 node,bytes32 challenge)`.
    /// - The key was not revoked and is not of another node.
    ///
    /// Notes:
    /// - Valid for the registry's key lifetime, never longer than the document's own end.
    ///
    /// @param publicKey The 64 bytes of the uncompressed secp256k1 key, without the leading 0x04.
    /// @param challengeBlock The block whose hash the challenge was made from.
    function register(
        uint32 node,
        bytes4 teeType,
        bytes calldata publicKey,
        uint256 challengeBlock,
        TeeBinding calldata binding,
        bytes calldata evidence,
        bytes calldata hints,
        bytes calldata possession
    ) external returns (address key);

    /// @notice Ends a key at once and for good. Its operator's owner, its node's key, the guardian or governance.
    function revokeKey(address key) external;

    /// @notice Names the verifier of a kind of document; governance only. Zero removes it, which the guardian may do too.
    function setVerifier(bytes4 teeType, ITeeVerifier verifier) external;

    /// @return operator The operator that answers for a key that counts in this block, else 0.
    function activeOperator(address key) external view returns (uint32 operator);

    /// @notice The node that a key spoke for at a moment that may be past: for signatures that are judged by their time.
    /// @dev The planned end of an image does not count here, because it can be set into the past; its revocation does.
    /// @param moment Unix timestamp, seconds.
    /// @return node 0: the key was never registered, or it or its image had ended by then.
    function nodeAt(address key, uint256 moment) external view returns (uint32 node);

    /// @notice A key's record; zeros when it was never registered.
    function getKey(address key) external view returns (TeeKey memory);

    /// @notice The verifier of a kind, zero when there is none.
    function verifierOf(bytes4 teeType) external view returns (ITeeVerifier);

    /// @notice keccak256(abi.encode("OPG challenge", chain id, registry, operator, block number, block hash)).
    function challengeOf(uint32 operator, uint256 blockNumber) external view returns (bytes32);

    /// @notice What the enclave must put into its report data: sha256(abi.encode("OPG binding v1", chain id, registry,
    /// operator, node, challenge, keccak256(publicKey), binding)).
    function bindingOf(
        uint32 operator,
        uint32 node,
        bytes32 challenge,
        bytes calldata publicKey,
        TeeBinding calldata binding
    ) external view returns (bytes32);
}
