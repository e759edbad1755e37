// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {IModelRegistry} from "../registry/IModelRegistry.sol";
import {DebitClaims} from "./DebitClaims.sol";
import {ClaimState, Fault, ICourt, SequenceClaim} from "./ICourt.sol";
import {ReceiptJudge} from "./ReceiptJudge.sol";
import {Batch, Receipt, Window} from "./SettlementTypes.sol";

/// @title SequenceClaims
/// @notice Sequence numbers that have to be shown. See {ICourt}.
///
/// INVARIANTS
/// @dev A sequence of a settler is claimed once; a claim ends once.
abstract contract SequenceClaims is DebitClaims {
    /// @notice Says what receipts show.
    ReceiptJudge public immutable judge;

    uint256 public sequenceClaimCount;

    mapping(uint256 claim => SequenceClaim) internal _sequenceClaims;

    /// @inheritdoc ICourt
    mapping(uint32 settler => mapping(uint64 sequence => uint256 claim)) public sequenceClaimOf;

    constructor(ITeeRegistry teeRegistry, IModelRegistry modelRegistry) {
        judge = new ReceiptJudge(settlement, claimHorizon, teeRegistry, modelRegistry);
    }

    /// @inheritdoc ICourt
    function claimSequence(Batch calldata batch, uint64 sequence) external nonReentrant returns (uint256 claim) {
        _checkStanding();
        _checkBatch(batch);
        uint32 settler = batch.body.settler;
        if (!_isInside(batch, sequence)) {
            revert Court_NotInRange(sequence, batch.body.firstSequence, batch.body.count);
        }
        if (sequenceClaimOf[settler][sequence] != 0) revert Court_SequenceClaimed(settler, sequence);

        ++openClaims[settler][batch.body.number];
        claim = ++sequenceClaimCount;
        sequenceClaimOf[settler][sequence] = claim;
        uint40 answerBy = uint40(block.timestamp) + answerTime;
        _sequenceClaims[claim] = SequenceClaim({
            state: ClaimState.OPEN,
            settler: settler,
            answerBy: answerBy,
            challenger: msg.sender,
            number: batch.body.number,
            sequence: sequence,
            faultAt: uint40(batch.commitment.committedAt),
            root: batch.body.root
        });
        emit SequenceClaimed(claim, settler, sequence, batch.body.number, msg.sender, answerBy);
        _takeBond();
    }

    /// @inheritdoc ICourt
    function openSequence(
        uint256 claim,
        Receipt calldata,
        bytes32[] calldata,
        Window calldata,
        bytes32[] calldata,
        bytes calldata
    ) external nonReentrant {
        SequenceClaim memory current = _openSequence(claim);
        if (block.timestamp > current.answerBy) revert Court_AnswerTooLate(claim, current.answerBy);
        _verdict();

        _endSequence(claim, current, ClaimState.ANSWERED);
        emit SequenceOpened(claim, msg.sender);
        // To the settler, whoever sends, as in {proveDebit}.
        _payBond(_settlerAccount(current.settler));
    }

    /// @inheritdoc ICourt
    function endSequence(uint256 claim) external nonReentrant {
        SequenceClaim memory current = _openSequence(claim);
        if (block.timestamp <= current.answerBy) revert Court_AnswerStillPossible(claim, current.answerBy);

        _endSequence(claim, current, ClaimState.UPHELD);
        bytes32 evidenceId = _evidenceId("unopened", current.settler, current.number);
        emit SequenceUnopened(claim, evidenceId);
        _schedulePenalty(evidenceId, Fault.UNOPENED, current.settler, current.challenger, NO_SIGNERS, current.faultAt);
        _payBond(current.challenger);
    }

    /* VIEWS */

    /// @inheritdoc ICourt
    function getSequenceClaim(uint256 claim) external view returns (SequenceClaim memory) {
        return _sequenceClaims[claim];
    }

    /* INTERNAL */

    function _openSequence(uint256 claim) private view returns (SequenceClaim memory current) {
        current = _sequenceClaims[claim];
        if (current.state != ClaimState.OPEN) revert Court_NotOpen(claim, current.state);
    }

    function _endSequence(uint256 claim, SequenceClaim memory current, ClaimState state) private {
        _sequenceClaims[claim].state = state;
        --openClaims[current.settler][current.number];
    }

    /// @dev What the judge says of the very bytes that were given; its errors come through.
    function _verdict() internal view returns (bytes memory) {
        return Address.functionStaticCall(address(judge), msg.data);
    }
}
