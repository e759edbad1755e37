// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {PPM} from "../common/Nano.sol";
import {PackedLanes} from "../common/PackedLanes.sol";
import {IStakeHub} from "../staking/IStakeHub.sol";
import {Earnings} from "./Earnings.sol";
import {ISettlement} from "./ISettlement.sol";
import {MerkleBatch} from "./MerkleBatch.sol";
import {Messages} from "./Messages.sol";
import {BatchBody, BatchHeader, Commitment, DataMode, Policy} from "./SettlementTypes.sol";
import {SettlerState, SettlerStateLib} from "./SettlerState.sol";

/// @title Batches
/// @notice Commits batches: moves money, checks the quorum, chains the header. See {ISettlement}.
///
/// INVARIANTS
/// @dev Batches of a settler are numbered without gaps and their receipts' sequences adjoin. A header hash is not
/// overwritten while its batch is inside the claim horizon.
abstract contract Batches is ISettlement, Earnings, EIP712 {
    using PackedLanes for uint256;

    uint256 internal constant ROW_BYTES = 12;
    uint256 internal constant SIGNATURE_BYTES = 64;

    /// @dev No slot of lanes has this number.
    uint256 internal constant NO_GROUP = type(uint256).max;

    /// @dev Every so many batches a header hash and its time are kept for ever.
    uint64 internal constant CHECKPOINT_INTERVAL = 256;

    ITeeRegistry public immutable teeRegistry;
    IStakeHub public immutable stakeHub;

    /// @inheritdoc ISettlement
    uint32 public immutable claimHorizon;

    /// @inheritdoc ISettlement
    uint32 public immutable coverPeriod;

    /// @inheritdoc ISettlement
    uint64 public immutable ringSize;

    struct Checkpoint {
        bytes32 headerHash;
        uint256 committedAt; // Unix timestamp, seconds
    }

    /// @dev key = settler << 64 | number % ringSize.
    mapping(uint256 key => bytes32 headerHash) internal _ring;

    /// @dev key = settler << 64 | number / CHECKPOINT_INTERVAL.
    mapping(uint256 key => Checkpoint) internal _checkpoints;

    constructor(
        ITeeRegistry teeRegistry_,
        IStakeHub stakeHub_,
        uint32 claimHorizon_,
        uint32 answerTime,
        uint64 ringSize_
    ) {
        if (ringSize_ < 2 * CHECKPOINT_INTERVAL || ringSize_ % CHECKPOINT_INTERVAL != 0) {
            revert Settlement_BadPolicy("ringSize", ringSize_, 2 * CHECKPOINT_INTERVAL);
        }
        teeRegistry = teeRegistry_;
        stakeHub = stakeHub_;
        claimHorizon = claimHorizon_;
        coverPeriod = claimHorizon_ + answerTime;
        ringSize = ringSize_;
    }

    /* SETTLER */

    /// @inheritdoc ISettlement
    function commitBatch(
        BatchHeader calldata header,
        bytes calldata debits,
        bytes calldata credits,
        bytes calldata signatures,
        bytes calldata tree
    ) external {
        Policy storage policy = _policies[header.policy];
        (uint8 quorum, uint24 feePpm) = (policy.quorum, policy.feePpm);
        if (quorum == 0) revert Settlement_UnknownPolicy(header.policy);
        _checkNotPaused(policy.pausedUntil);
        if (block.timestamp > header.deadline) revert Settlement_DeadlinePassed(header.deadline, block.timestamp);
        if (header.count == 0) revert Settlement_EmptyBatch();
        if (policy.dataMode == DataMode.CALLDATA) _checkTree(header, tree);
        else if (tree.length != 0) revert Settlement_WrongDataMode(header.policy);

        SettlerState state = _states[header.settler];
        if (!state.isOpen()) revert Settlement_UnknownSettler(header.settler);
        if (msg.sender != _openings[header.settler].committer) {
            revert Settlement_NotCommitter(header.settler, msg.sender);
        }
        uint32 number = state.batches() + 1;
        if (header.number != number) revert Settlement_WrongBatchNumber(header.settler, number, header.number);

        (bytes memory debitRows, bytes memory creditRows) = (debits, credits);
        uint64 total = _debit(header.settler, debitRows);
        // The fee is at most the total, because feePpm <= PPM.
        uint64 fee = uint64(Math.ceilDiv(uint256(total) * feePpm, PPM));
        _credit(creditRows, total, fee);

        bytes32 bodyHash = Messages.bodyHash(
            BatchBody({
                settler: header.settler,
                number: number,
                root: header.root,
                rowsHash: Messages.rowsHash(debitRows, creditRows),
                firstSequence: state.nextSequence(),
                count: header.count,
                total: total,
                fee: fee,
                data: header.data,
                policy: header.policy,
                deadline: header.deadline
            })
        );
        Commitment memory commitment = Commitment({
            signersHash: _checkQuorum(header.settler, quorum, bodyHash, signatures),
            committedAt: uint64(block.timestamp),
            committedIn: uint64(block.number)
        });
        _states[header.settler] = _advance(header.settler, state, header.count, total, fee);
        _chain(header.settler, number, header.root, Messages.restHash(bodyHash, commitment));
    }

    /// @inheritdoc ISettlement
    function collectFees(uint32 settler) external returns (uint64 amountNano) {
        SettlerState state = _states[settler];
        amountNano = state.feesNano();
        _states[settler] = state.withoutFees();
        LaneWord storage slot = _earnings[TREASURY >> 2];
        slot.lanes = _addEarnings(slot.lanes, TREASURY, amountNano);
        emit FeesCollected(settler, amountNano);
    }

    /* VIEWS */

    /// @inheritdoc ISettlement
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ISettlement
    function headerHash(uint32 settler, uint64 number) external view returns (bytes32) {
        uint64 last = _states[settler].batches();
        if (number > last) return 0;
        if (number + ringSize > last) return _ring[_ringKey(settler, number)];
        return
            number % CHECKPOINT_INTERVAL == 0 ? _checkpoints[_checkpointKey(settler, number)].headerHash : bytes32(0);
    }

    /* INTERNAL */

    function _checkTree(BatchHeader calldata header, bytes calldata tree) internal pure {
        (bytes32 root, uint256 count, bytes32 sizesHash) = MerkleBatch.rootOf(tree);
        if (root != header.root) revert Settlement_WrongRoot(root, header.root);
        if (count != header.count) revert Settlement_WrongCount(count, header.count);
        if (sizesHash != header.data) revert Settlement_WrongData(sizesHash, header.data);
    }

    /// @dev Takes the debit rows out of their lanes; rows of one slot cost one write.
    function _debit(uint32 settler, bytes memory rows) internal returns (uint64) {
        uint256 total;
        uint256 group = NO_GROUP;
        uint256 next; // lowest index that the next row may have
        uint256 word;
        LaneWord storage slot = _lanes[0];
        (uint256 cursor, uint256 end) = _bounds(rows);
        unchecked {
            // Positions stay within the rows; fewer than 2^32 rows of less than 2^64 each are added up.
            for (; cursor < end; cursor += ROW_BYTES) {
                (uint256 index, uint256 amount) = _row(cursor);
                if (index < next || amount == 0) _revertBadRow(next, index);
                next = index + 1;
                if (index >> 2 != group) {
                    if (group != NO_GROUP) slot.lanes = word;
                    group = index >> 2;
                    slot = _lanes[_laneKey(settler, index)];
                    word = slot.lanes;
                }
                if (word.lane(index) < amount) revert Settlement_LaneShort(index, word.lane(index), amount);
                word = word.minus(index, amount);
                total += amount;
            }
        }
        if (group != NO_GROUP) slot.lanes = word;
        if (total > type(uint64).max) revert Settlement_TotalTooHigh(total);
        return uint64(total);
    }

    /// @dev Adds the credit rows to their payees' lanes; with the fee they come to the total.
    function _credit(bytes memory rows, uint64 total, uint64 fee) internal {
        uint256 credited = fee;
        uint256 group = NO_GROUP;
        uint256 next = 1; // payees run from 1
        uint256 word;
        LaneWord storage slot = _earnings[0];
        (uint256 cursor, uint256 end) = _bounds(rows);
        unchecked {
            // As in {_debit}.
            for (; cursor < end; cursor += ROW_BYTES) {
                (uint256 payee, uint256 amount) = _row(cursor);
                if (payee < next || amount == 0) _revertBadRow(next, payee);
                next = payee + 1;
                if (payee >> 2 != group) {
                    if (group != NO_GROUP) slot.lanes = word;
                    group = payee >> 2;
                    slot = _earnings[group];
                    word = slot.lanes;
                }
                word = _addEarnings(word, payee, amount);
                credited += amount;
            }
        }
        if (group != NO_GROUP) slot.lanes = word;
        if (credited != total) revert Settlement_Unbalanced(total, credited - fee, fee);
    }

    /// @dev Where rows begin and end in memory.
    function _bounds(bytes memory rows) private pure returns (uint256 start, uint256 end) {
        if (rows.length % ROW_BYTES != 0) revert Settlement_BadRowLength(rows.length);
        assembly ("memory-safe") {
            start := add(rows, 32)
            end := add(start, mload(rows))
        }
    }

    /// @dev The row at a position in memory, between the bounds of its rows. Slices would cost 300 gas more a row.
    function _row(uint256 cursor) private pure returns (uint256 index, uint256 amount) {
        uint256 row;
        assembly ("memory-safe") {
            row := shr(160, mload(cursor))
        }
        return (row >> 64, row & type(uint64).max);
    }

    function _revertBadRow(uint256 lowest, uint256 index) private pure {
        if (index < lowest) revert Settlement_RowsUnsorted(lowest, index);
        revert Settlement_ZeroRow(index);
    }

    /// @dev The settler's state after a batch. Its debits raise a level that drains at half the stake per cover period. A
    /// level of at most half the stake bounds the debits of any period by what drained in it and what is left: the whole.
    function _advance(
        uint32 settler,
        SettlerState state,
        uint32 count,
        uint64 total,
        uint64 fee
    ) internal view returns (SettlerState) {
        uint256 stake = stakeHub.effectiveStake(settler);
        uint256 drained = (stake * (block.timestamp - state.levelAt())) / (2 * uint256(coverPeriod));
        uint256 level = state.levelNano();
        level = (level > drained ? level - drained : 0) + total;
        if (level > stake / 2) revert Settlement_CoverExceeded(settler, level, stake / 2);
        uint256 fees = uint256(state.feesNano()) + fee;
        if (level > SettlerStateLib.MAX_NANO || fees > SettlerStateLib.MAX_NANO) revert Settlement_TotalTooHigh(total);
        return
            SettlerStateLib.pack({
                nextSequence_: state.nextSequence() + count,
                batches_: state.batches() + 1,
                levelAt_: uint40(block.timestamp),
                levelNano_: level,
                feesNano_: fees
            });
    }

    function _checkQuorum(
        uint32 settler,
        uint8 quorum,
        bytes32 bodyHash,
        bytes calldata signatures
    ) internal view returns (bytes32 signersHash) {
        uint256 signers = signatures.length / SIGNATURE_BYTES;
        if (signatures.length % SIGNATURE_BYTES != 0) revert Settlement_BadSignatureLength(signatures.length);
        if (signers < quorum) revert Settlement_QuorumTooSmall(signers, quorum);
        if (signers > MAX_QUORUM) revert Settlement_TooManySigners(signers, MAX_QUORUM);

        bytes32 digest = _hashTypedDataV4(bodyHash);
        bytes memory operators = new bytes(4 * signers);
        uint32 last;
        for (uint256 i; i < signers; ++i) {
            (bytes32 r, bytes32 vs) = abi.decode(signatures[64 * i:64 * i + 64], (bytes32, bytes32));
            (address key, , ) = ECDSA.tryRecover(digest, r, vs);
            uint32 operator = teeRegistry.activeOperator(key);
            if (operator == 0) revert Settlement_SignerNotActive(key);
            if (operator == settler) revert Settlement_SignerIsSettler(operator);
            if (operator <= last) revert Settlement_SignersNotDistinct(last, operator);
            last = operator;
            assembly ("memory-safe") {
                // Writes 32 bytes of which 4 count; the last write reaches at most 28 bytes beyond, into free memory.
                mstore(add(add(operators, 32), mul(4, i)), shl(224, operator))
            }
        }
        signersHash = keccak256(operators);
    }

    function _chain(uint32 settler, uint32 number, bytes32 root, bytes32 restHash) internal {
        bytes32 hash = Messages.headerHash(_ring[_ringKey(settler, number - 1)], Messages.innerHash(root, restHash));
        if (number % CHECKPOINT_INTERVAL == 0) _checkpoint(settler, number, hash);
        _ring[_ringKey(settler, number)] = hash;
        emit BatchCommitted(settler, number, root, restHash);
    }

    /// @dev Keeps the hash for ever, and lets the next interval of the ring be overwritten only when all of it is beyond
    /// the horizon: the checkpoint that follows it is younger than each of its batches.
    function _checkpoint(uint32 settler, uint64 number, bytes32 hash) private {
        if (number >= ringSize) {
            uint64 following = number - ringSize + CHECKPOINT_INTERVAL;
            uint256 notBefore = _checkpoints[_checkpointKey(settler, following)].committedAt + claimHorizon;
            if (block.timestamp <= notBefore) revert Settlement_RingFull(settler, number, notBefore + 1);
        }
        _checkpoints[_checkpointKey(settler, number)] = Checkpoint({headerHash: hash, committedAt: block.timestamp});
    }

    function _ringKey(uint32 settler, uint64 number) private view returns (uint256) {
        return (uint256(settler) << 64) | (number % ringSize);
    }

    function _checkpointKey(uint32 settler, uint64 number) private pure returns (uint256) {
        return (uint256(settler) << 64) | (number / CHECKPOINT_INTERVAL);
    }
}
