// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {ITeeVerifier} from "./ITeeVerifier.sol";

/// @notice The document that a development enclave has signed: the fields every real kind has, without a vendor.
struct DevelopmentDocument {
    bytes32 measurement; // hash of the image
    bytes32 reportData;
    bytes32 nonce;
    bytes32 platformId;
    uint64 issuedAtMs; // Unix milliseconds
    uint64 validUntil; // Unix seconds, the last second it counts
    uint32 flags; // see {TeeFlags}
}

/// @title DevelopmentTeeVerifier
/// @notice Verifies documents that are really signed with P-256 under a root given at deployment. It proves possession of
/// that root's key and nothing about hardware: `npx hardhat deploy` refuses it on public networks.
///
/// TRUST
/// @dev Whoever holds the root key can attest anything.
contract DevelopmentTeeVerifier is ITeeVerifier {
    bytes4 public constant teeType = "DEV1";

    bytes4 internal constant BAD_LENGTH = "LEN ";
    bytes4 internal constant BAD_SIGNATURE = "SIG ";
    bytes4 internal constant EXPIRED = "EXP ";

    /// @dev abi.encode of the seven fields.
    uint256 internal constant DOCUMENT_BYTES = 224;
    uint256 internal constant SIGNATURE_BYTES = 64;

    /// @notice The root's public key.
    bytes32 public immutable rootX;
    bytes32 public immutable rootY;

    constructor(bytes32 rootX_, bytes32 rootY_) {
        rootX = rootX_;
        rootY = rootY_;
    }

    /// @inheritdoc ITeeVerifier
    /// @param evidence abi.encode of a {DevelopmentDocument}, then r and s of the root's low-s signature over the SHA-256 of
    /// "OPG development document" followed by the encoded document.
    function verify(bytes calldata evidence, bytes calldata) external view returns (Claims memory) {
        if (evidence.length != DOCUMENT_BYTES + SIGNATURE_BYTES) revert TeeVerifier_Invalid(BAD_LENGTH);
        bytes calldata encoded = evidence[:DOCUMENT_BYTES];
        bytes32 digest = sha256(abi.encodePacked("OPG development document", encoded));
        (bytes32 r, bytes32 s) = abi.decode(evidence[DOCUMENT_BYTES:], (bytes32, bytes32));
        if (!P256.verifyNative(digest, r, s, rootX, rootY)) revert TeeVerifier_Invalid(BAD_SIGNATURE);

        DevelopmentDocument memory document = abi.decode(encoded, (DevelopmentDocument));
        if (block.timestamp > document.validUntil) revert TeeVerifier_Invalid(EXPIRED);
        return
            Claims({
                measurementId: measurementId(document.measurement),
                reportData: document.reportData,
                nonce: document.nonce,
                key: "",
                issuedAtMs: document.issuedAtMs,
                validUntil: document.validUntil,
                platformId: document.platformId,
                flags: document.flags
            });
    }

    /// @inheritdoc ITeeVerifier
    function revalidate(bytes32) external pure returns (bool) {
        return true;
    }

    /// @notice The typed id of an image hash.
    function measurementId(bytes32 measurement) public pure returns (bytes32) {
        return keccak256(abi.encode(teeType, uint8(1), measurement));
    }
}
