// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Where the receipts behind a root can be had.
enum DataMode {
    OFFCHAIN, // `data` is the sha256 of a file in a content-addressed store
    CALLDATA // leaf hashes and window sizes are calldata and the root is recomputed; `data` is keccak256 of the sizes
}

/// @notice How batches are made, checked and paid. Registered by governance under an id and never edited.
struct Policy {
    // slot 0: 3 + 3 + 3 + 3 + 1 + 1 + 2 + 5 + 5 = 26 bytes
    uint24 feePpm; // of the total, to the protocol, rounded up
    uint24 workerPpm; // of each price, to the worker
    uint24 verifierPpm; // of each price, to the verifier that signed its window
    uint24 maxRoyaltyPpm; // highest part of a price that a model's publisher gets
    uint8 quorum; // signatures of distinct operators over a batch
    DataMode dataMode;
    uint16 windowMs; // longest window of receipts under one signature, milliseconds
    uint40 retiredAt; // Unix timestamp, seconds; 0 while new reservations may name it
    uint40 pausedUntil; // Unix timestamp, seconds; the same in each policy, here so that a batch reads one slot
}

/// @notice What a settler is to the contract. The settler's id is its operator id.
struct Settler {
    uint32 payee; // where its own earnings go; 0: not open
    uint32 reservations; // how many were ever opened; the next index
    uint64 nextSequence; // of its receipts
    uint64 batches; // number of its last batch
    uint64 levelNano; // exposure that has not drained at `levelAt`, see {ISettlement-commitBatch}
    uint64 levelAt; // Unix timestamp, seconds
    uint64 feesNano; // protocol fees not yet collected
    address committer; // sends its batches
}

/// @notice What a payer agreed to when it reserved. Only the hash is stored.
struct Terms {
    address payer; // gets the money back
    address voucherKey; // signs vouchers
    uint16 policy; // batches that debit it follow this policy
}

/// @notice A payer's wish to take money out of a reservation, in one slot.
struct Release {
    uint64 amountNano; // at most this much
    uint40 dueAt; // Unix timestamp, seconds; 0: none is pending
}

/// @notice An earnings account, in two slots.
struct Payee {
    // slot 0: 20 bytes
    address account; // gets withdrawals
    // slot 1: 8 + 8 + 8 + 4 = 28 bytes
    uint64 pendingNano; // asked to be withdrawn, still here
    uint64 seizedNano; // taken by the court out of what is pending; withdrawals pay that much less
    uint64 frozenNano; // must stay until claims are decided
    uint32 withdrawals; // how many were ever asked for; the next id
}

/// @notice Earnings on their way out.
struct Withdrawal {
    uint64 amountNano;
    uint40 dueAt; // Unix timestamp, seconds; 0: none or paid
}

/// @notice What the caller says of a batch; the rest of its body is what the contract knows.
struct BatchHeader {
    uint32 settler;
    uint64 number; // of the settler's batches, from 1, without gaps
    bytes32 root; // of the receipts
    uint32 count; // of the receipts
    bytes32 data; // see {DataMode}
    uint16 policy;
    uint64 deadline; // Unix timestamp, seconds; the last second it can be committed
}

/// @notice What the quorum signs.
struct BatchBody {
    uint32 settler;
    uint64 number;
    bytes32 root;
    bytes32 rowsHash; // keccak256(keccak256(debits) ‖ keccak256(credits))
    uint64 firstSequence; // the receipts are [firstSequence, firstSequence + count)
    uint32 count;
    uint64 total; // sum of the debits, nano
    uint64 fee; // total × the policy's rate, rounded up, nano
    bytes32 data;
    uint16 policy;
    uint64 deadline;
}

/// @notice What the contract adds to a body when it commits it.
struct Commitment {
    bytes32 signersHash; // keccak256 of the signers' operator ids, 4 bytes each, ascending
    uint64 committedAt; // Unix timestamp, seconds
    uint64 committedIn; // block number
}

/// @notice Says where a batch stands in its settler's chain of headers.
struct BatchRef {
    uint64 number;
    bytes32 prevHash; // header hash of the batch before it
    bytes32 restHash; // hash of all of the batch but its root, see {Messages-restHash}
    bytes32[] later; // inner hashes of the batches after it, up to one whose header hash the contract keeps
}

/// @notice A whole batch, as the contract committed it.
struct Batch {
    BatchBody body;
    Commitment commitment;
    bytes32 prevHash;
    bytes32[] later;
}

/// @notice One inference, in nine words. Fields of the first three, high bits first:
/// - `ids`: sequence u64, settler u32, reservation u32, worker u32, verifier u32, mode u8, status u8, 48 bits zero
/// - `amounts`: price u64, valueAtRisk u64 (both nano), inputUnits u64, outputUnits u64
/// - `times`: startedAt, firstOutputAt, finishedAt u64 each (Unix milliseconds), spent u64 (nano)
struct Receipt {
    uint256 ids;
    uint256 amounts;
    uint256 times;
    bytes32 requestId;
    bytes32 modelVersion;
    bytes32 inputHash;
    bytes32 outputHash;
    bytes32 evidenceHash;
    bytes32 memoryRoot;
}

/// @notice A payer's word for one request: of this reservation, up to `cumulative` may be taken.
struct Voucher {
    uint32 settler;
    uint32 reservation;
    bytes32 termsHash;
    uint64 cumulative; // nano, over the whole life of the reservation
    bytes32 requestHash;
    uint64 expiry; // Unix timestamp, seconds; judged when the settler accepts it
}

/// @notice What a payer asks for. Its struct hash is the request's id.
struct Request {
    bytes32 modelVersion;
    bytes32 inputHash;
    uint8 minMode;
    uint64 maxPrice; // nano
    uint64 valueAtRisk; // nano
    bytes32 nonce;
}

/// @notice A signed window of receipts.
struct Window {
    uint32 settler;
    uint32 verifier;
    bytes32 root;
    uint32 count;
    uint64 signedAt; // Unix milliseconds
}
