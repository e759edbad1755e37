// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ITeeVerifier
/// @notice Checks the attestation documents of one kind of hardware, under a root fixed at its construction.
interface ITeeVerifier {
    /// @notice What a document says, as far as its signatures cover it.
    struct Claims {
        bytes32 measurementId; // typed hash of every measured register
        bytes32 reportData; // the 32 bytes that the enclave chose
        bytes32 nonce; // zero when the kind has no separate nonce
        bytes key; // a public key inside the document, else empty
        uint64 issuedAtMs; // Unix milliseconds; 0 when the evidence has no clock
        uint64 validUntil; // Unix seconds; the earliest end of the certificates and collateral used
        bytes32 platformId; // hash of the id of the machine
        uint32 flags; // see {TeeFlags}
    }

    /// @notice Thrown when a document is not valid.
    /// @param reason A code of four bytes, the same off chain and on chain.
    error TeeVerifier_Invalid(bytes4 reason);

    /// @return The kind, four ASCII bytes.
    function teeType() external view returns (bytes4);

    /// @notice Verifies a document and returns authenticated fields only; reverts when anything about it is wrong.
    /// @param evidence The document, in the encoding of its kind.
    /// @param hints What makes checking cheaper; never trusted.
    function verify(bytes calldata evidence, bytes calldata hints) external returns (Claims memory);

    /// @return valid False once the certificate or collateral that `collateralRef` names has lapsed or was revoked.
    function revalidate(bytes32 collateralRef) external view returns (bool valid);
}

/// @title TeeFlags
/// @notice Bits of `Claims.flags`.
library TeeFlags {
    /// @dev The enclave can be read from outside. The registry refuses it.
    uint32 internal constant DEBUG = 1;
}
