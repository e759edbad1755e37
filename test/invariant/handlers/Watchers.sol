// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ClaimState, DebitClaim, ICourt} from "../../../contracts/settlement/ICourt.sol";
import {Messages} from "../../../contracts/settlement/Messages.sol";
import {Batch, BatchRef, Terms, Voucher} from "../../../contracts/settlement/SettlementTypes.sol";
import {VM} from "../../helpers/Vm.sol";
import {Account, Doubt, Fine, Record} from "./EconomyState.sol";
import {Settlers} from "./Settlers.sol";

/// @title Watchers
/// @notice The watcher claims each debit beyond what its payer owes, before the horizon and not at once. A stranger claims
/// debits for no reason. The settlers answer whenever they can.
abstract contract Watchers is Settlers {
    uint256 internal constant STEP = 250; // seconds; less than the answer time, so that nobody is late
    uint256 internal constant RECENT = 6; // batches

    /// @notice Claims one debit that is not owed.
    function watch(uint256 seed) external {
        ++calls;
        if (unclaimed.length == 0) return;
        _claimUnowed(_draw(seed, "doubt", unclaimed.length));
    }

    /// @notice Claims any debit, which most often is owed; with no reason and a bond.
    function challenge(uint256 seed) external {
        ++calls;
        uint256 last = records.length;
        if (last > RECENT) last -= _draw(seed, "last", RECENT);
        if (_draw(seed, "wait", 2) == 0) last = _waitForHorizon(last);
        for (uint256 i = last; i > 0; --i) {
            Record storage record = records[i - 1];
            if (clock > record.batch.commitment.committedAt + settlement.claimHorizon()) {
                if (record.accounts.length == 0) return;
                bytes memory data = _claimCall(record, 0);
                _mustRevert(address(court), data, ICourt.Court_TooLate.selector);
                ++succeeded["refuse late claim"];
                return;
            }
            for (uint256 row; row < record.accounts.length; ++row) {
                if (_draw(seed, bytes32(row), 2) == 0) continue;
                if (record.claimed[row]) {
                    _mustRevert(address(court), _claimCall(record, row), ICourt.Court_AlreadyClaimed.selector);
                    ++succeeded["refuse second claim"];
                    continue;
                }
                for (uint256 u; u < unclaimed.length; ++u) {
                    if (unclaimed[u].record == i - 1 && unclaimed[u].row == row) return _claimUnowed(u);
                }
                _claim(i - 1, row, STRANGER);
                ++succeeded["challenge"];
                return;
            }
        }
    }

    /// @notice Answers a claim, or shows that it cannot be answered.
    function answer(uint256 seed) external {
        ++calls;
        if (claims.length == 0) return;
        uint256 position = _draw(seed, "claim", claims.length);
        _checkFinal(records[claims[position].record]);
        _answer(position);
    }

    /// @notice Shows that a claim cannot be ended while it can be answered. Afterwards all are, see {_pass}.
    function refund(uint256 seed) external {
        ++calls;
        if (claims.length == 0) return;
        Doubt memory doubt = claims[_draw(seed, "claim", claims.length)];
        _checkFinal(records[doubt.record]);
        bytes memory data = abi.encodeCall(court.refundDebit, (doubt.claim, records[doubt.record].signers));
        _mustRevert(address(court), data, ICourt.Court_AnswerStillPossible.selector);
        ++succeeded["refuse early refund"];
    }

    /// @notice Takes a fine that is due, or shows that it is not.
    function punish(uint256 seed) external {
        ++calls;
        if (fines.length == 0) return;
        uint256 position = _draw(seed, "fine", fines.length);
        Fine memory fine = fines[position];
        if (clock <= fine.dueAt) {
            bytes memory data = abi.encodeCall(court.punish, (fine.evidenceId, fine.signers));
            _mustRevert(address(court), data, ICourt.Court_PenaltyNotDue.selector);
            ++succeeded["refuse early fine"];
        } else _punish(position);
    }

    /// @dev Law 4: settler and signers lose a tenth of what answers for the batch, once.
    function _punish(uint256 position) private {
        Fine memory fine = fines[position];
        fines[position] = fines[fines.length - 1];
        fines.pop();
        uint256[OPERATORS + 1] memory stakes = _allStakes(fine.faultAt);
        court.punish(fine.evidenceId, fine.signers);
        for (uint32 i = 1; i <= OPERATORS; ++i) {
            uint256 lost = stakes[i] - hub.slashableFor(i, fine.faultAt);
            uint256 expected = i == fine.settler || _has(fine.signers, i) ? Math.ceilDiv(stakes[i], 10) : 0;
            require(lost == expected, "L4: a fault costs a tenth");
            staked[i] -= lost;
        }
        bytes memory again = abi.encodeCall(court.punish, (fine.evidenceId, fine.signers));
        _mustRevert(address(court), again, ICourt.Court_NoPenalty.selector);
        ++succeeded["punish"];
    }

    function _has(bytes memory signers, uint32 operator) private pure returns (bool) {
        for (uint256 i; i < signers.length; i += 4) if (uint8(signers[i + 3]) == operator) return true;
        return false;
    }

    /// @dev Lets time pass up to the last second in which some batch can be claimed, if that is near.
    function _waitForHorizon(uint256 last) private returns (uint256) {
        for (uint256 i = last; i > 0; --i) {
            uint256 end = records[i - 1].batch.commitment.committedAt + settlement.claimHorizon();
            if (end <= clock || end > clock + STEP) continue;
            _pass(end);
            return i;
        }
        return last;
    }

    /// @dev Everybody does what must be done in time, then it is later.
    function _pass(uint256 later) internal {
        _attend(later);
        clock = later;
        VM.warp(later);
        VM.roll(block.number + 20);
        _refundAll();
    }

    /// @dev What everybody does before the time `later`.
    function _attend(uint256 later) internal virtual {
        while (unclaimed.length != 0) _claimUnowed(unclaimed.length - 1);
        for (uint256 i = claims.length; i > 0; --i) {
            if (later > claims[i - 1].answerBy) _answer(i - 1);
        }
    }

    /// @dev Ends what could not be answered.
    function _refundAll() internal virtual {
        for (uint256 i = claims.length; i > 0; --i) {
            if (clock > claims[i - 1].answerBy) _refund(i - 1);
        }
        // A claim at the end of the horizon is refunded up to a step late; a fine that follows is as late as it may be here.
        for (uint256 i = fines.length; i > 0; --i) {
            if (clock > fines[i - 1].dueAt + 100) _punish(i - 1);
        }
    }

    function _claimUnowed(uint256 position) private {
        Doubt memory doubt = unclaimed[position];
        _remove(unclaimed, position);
        _claim(doubt.record, doubt.row, WATCHER);
        ++succeeded["claim"];
    }

    function _claim(uint256 position, uint256 row, address challenger) private {
        Record storage record = records[position];
        bytes memory data = _claimCall(record, row);
        VM.prank(challenger);
        bytes memory result = _mustSucceed(address(court), data);
        record.claimed[row] = true;
        claims.push(Doubt(abi.decode(result, (uint256)), position, row, clock + _times().answerTime));
    }

    function _claimCall(Record storage record, uint256 row) private view returns (bytes memory) {
        Batch memory batch = record.batch;
        return abi.encodeCall(court.claimDebit, (batch, record.debits, keccak256(record.credits), row));
    }

    function _answer(uint256 position) private {
        Doubt memory doubt = claims[position];
        Account memory account = accounts[records[doubt.record].accounts[doubt.row]];
        // What was given back as excess has to be shown all the same.
        uint64 debited = _debited(account) + records[doubt.record].returned[doubt.row];
        uint64[] memory later;
        if (_owed(account) < debited) (later, debited) = _showLater(doubt, debited);
        bytes memory data = _answerCall(doubt.claim, account, later);
        if (records[doubt.record].batch.body.policy != account.policy) {
            _mustRevert(address(court), data, ICourt.Court_WrongPolicy.selector);
            ++succeeded["refuse answer"];
        } else if (account.signed < debited) {
            _mustRevert(address(court), data, ICourt.Court_VoucherTooLow.selector);
            ++succeeded["refuse answer"];
        } else if (account.shown < debited) {
            bool has = account.hasReceipt;
            bytes4 expected = has ? ICourt.Court_ReceiptTooLow.selector : ICourt.Court_WrongReceipt.selector;
            _mustRevert(address(court), data, expected);
            ++succeeded["refuse answer"];
        } else {
            address settler = _owner(account.settler);
            uint256 before = opg.balanceOf(settler);
            VM.prank(settler);
            _mustSucceed(address(court), data); // L5: a debit that is owed can be proven
            require(_nano(opg.balanceOf(settler) - before) == BOND_NANO, "L5: a right answer earns the bond");
            _remove(claims, position);
            ++succeeded["answer"];
            if (later.length != 0) ++succeeded["answer without later debits"];
        }
    }

    /// @dev Shows the debits of the same reservation in later batches.
    /// @return later The numbers of those batches.
    /// @return debited What is left to be proven.
    function _showLater(Doubt memory doubt, uint64 total) private returns (uint64[] memory later, uint64 debited) {
        debited = total;
        uint256 account = records[doubt.record].accounts[doubt.row];
        uint32 settler = accounts[account].settler;
        later = new uint64[](records.length - doubt.record);
        uint256 count;
        for (uint256 i = doubt.record + 1; i < records.length; ++i) {
            Record storage record = records[i];
            if (record.batch.body.settler != settler) continue;
            for (uint256 row; row < record.accounts.length; ++row) {
                if (record.accounts[row] != account) continue;
                uint64 number = record.batch.body.number;
                Batch memory batch = record.batch;
                court.showDebit(batch, record.debits, keccak256(record.credits), row);
                later[count++] = number;
                DebitClaim memory other = court.getClaim(court.claimOf(settler, number, accounts[account].index));
                debited -=
                    other.state == ClaimState.UPHELD ? other.missingNano : record.amounts[row] - record.returned[row];
            }
        }
        assembly ("memory-safe") {
            mstore(later, count) // it was made at least as long
        }
    }

    function _answerCall(
        uint256 claim,
        Account memory account,
        uint64[] memory later
    ) private view returns (bytes memory) {
        // The first receipt of all stands in when none of this reservation was ever committed.
        Record storage record = records[account.shownIn];
        (Voucher memory voucher, bytes memory signature) = _voucherOf(account);
        return
            abi.encodeCall(
                court.proveDebit,
                (
                    claim,
                    _termsOf(account),
                    voucher,
                    signature,
                    record.receipts[account.shownAt],
                    _path(record, account.shownAt),
                    _refTo(record),
                    later
                )
            );
    }

    function _voucherOf(Account memory account) private view returns (Voucher memory voucher, bytes memory signature) {
        voucher = Voucher({
            settler: account.settler,
            reservation: account.index,
            termsHash: Messages.termsHash(_termsOf(account)),
            cumulative: account.signed,
            requestHash: 0,
            expiry: 0
        });
        signature = _sign(VOUCHER_KEYS + account.payer, domain, Messages.voucherHash(voucher));
    }

    function _refTo(Record storage record) private view returns (BatchRef memory) {
        return
            BatchRef({
                number: record.batch.body.number,
                prevHash: record.batch.prevHash,
                restHash: _restHash(record.batch),
                later: new bytes32[](0)
            });
    }

    function _refund(uint256 position) private {
        Doubt memory doubt = claims[position];
        Record storage record = records[doubt.record];
        uint256 account = record.accounts[doubt.row];
        uint64 amountNano = record.amounts[doubt.row] - record.returned[doubt.row];
        require(record.batch.body.settler != 2, "L5: nobody takes from an honest settler");
        _remove(claims, position);

        uint256[PAYEES + 1] memory earnings = _allEarnings();
        uint40 faultAt = uint40(record.batch.commitment.committedAt);
        uint256[OPERATORS + 1] memory stakes = _allStakes(faultAt);
        uint64 backNano = _balance(account);
        court.refundDebit(doubt.claim, record.signers);
        _fine("debit", record.batch, record.signers);
        uint64 missing = court.getClaim(doubt.claim).missingNano;
        require(_balance(account) - backNano + missing == amountNano, "L5: refunded and missing are the debit");
        if (missing != 0) {
            require(_isBroke(record), "L5: stake stands in before anything is missing");
            court.refundFromPayees(doubt.claim, keccak256(record.debits), record.credits, type(uint32).max);
            missing = court.getClaim(doubt.claim).missingNano;
            ++succeeded["refund from payees"];
        }
        accounts[account].restored += _balance(account) - backNano;
        accounts[account].missing += missing;
        if (missing != 0) ++succeeded["missing"];
        _bookTaken(faultAt, earnings, stakes);
        ++succeeded["refund"];
    }

    /// @dev What the court took since earnings and stakes were as given.
    function _bookTaken(
        uint40 faultAt,
        uint256[PAYEES + 1] memory earnings,
        uint256[OPERATORS + 1] memory stakes
    ) internal {
        for (uint32 i = 1; i <= PAYEES; ++i) taken[i] += earnings[i] - _earnings(i);
        for (uint32 i = 1; i <= OPERATORS; ++i) staked[i] -= stakes[i] - hub.slashableFor(i, faultAt);
    }

    function _isBroke(Record storage record) internal view returns (bool) {
        bytes memory signers = record.signers;
        uint40 faultAt = uint40(record.batch.commitment.committedAt);
        uint256 left = hub.slashableFor(record.batch.body.settler, faultAt);
        for (uint256 i; i < signers.length; i += 4) left += hub.slashableFor(uint8(signers[i + 3]), faultAt);
        return left == 0;
    }

    function _balance(uint256 account) internal view returns (uint64 balanceNano) {
        (balanceNano, , ) = settlement.getReservation(accounts[account].settler, accounts[account].index);
    }

    /// @dev What a payee has, its pending withdrawals included.
    function _earnings(uint32 payee) internal view returns (uint256) {
        return uint256(settlement.earningsOf(payee)) + settlement.getPayee(payee).pendingNano;
    }

    function _allEarnings() internal view returns (uint256[PAYEES + 1] memory earnings) {
        for (uint32 i = 1; i <= PAYEES; ++i) earnings[i] = _earnings(i);
    }

    /// @dev What answers for a fault of that time.
    function _allStakes(uint40 faultAt) internal view returns (uint256[OPERATORS + 1] memory stakes) {
        for (uint32 i = 1; i <= OPERATORS; ++i) stakes[i] = hub.slashableFor(i, faultAt);
    }
}
