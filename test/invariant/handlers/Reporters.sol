// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ClaimState, DebitClaim, ICourt} from "../../../contracts/settlement/ICourt.sol";
import {Messages} from "../../../contracts/settlement/Messages.sol";
import {Batch, Receipt, Window} from "../../../contracts/settlement/SettlementTypes.sol";
import {VM} from "../../helpers/Vm.sol";
import {Account, Demand, Intent, Record} from "./EconomyState.sol";
import {Watchers} from "./Watchers.sol";

/// @title Reporters
/// @notice The watcher reports each receipt that is too dear and each debit under another policy, before time passes, and gets
/// the excess back. A stranger demands sequence numbers for no reason. The settlers open whatever has a receipt.
abstract contract Reporters is Watchers {
    uint256 private constant NOBODYS_KEY = 77;

    /// @notice Reports one batch, or shows that an honest one cannot be reported.
    function report(uint256 seed) external {
        ++calls;
        if (unreported.length != 0) return _report(_draw(seed, "report", unreported.length));
        if (records.length == 0) return;
        Record storage record = records[records.length - 1];
        if (record.intent == Intent.HONEST && _isClaimable(record)) _refuseReports(record);
    }

    /// @notice Demands to see a number of a recent batch.
    function demand(uint256 seed) external {
        ++calls;
        if (records.length == 0) return;
        (uint256 position, uint256 place) = _pickNumber(seed);
        Record storage record = records[position];
        if (!_isClaimable(record)) return;
        Batch memory batch = record.batch;
        uint64 sequence = batch.body.firstSequence + uint64(place);
        bytes memory data = abi.encodeCall(court.claimSequence, (batch, sequence));
        if (court.sequenceClaimOf(batch.body.settler, sequence) != 0) {
            return _mustRevert(address(court), data, ICourt.Court_SequenceClaimed.selector);
        }
        VM.prank(STRANGER);
        uint256 claim = abi.decode(_mustSucceed(address(court), data), (uint256));
        demands.push(Demand(claim, position, place, clock + _times().answerTime));
        ++succeeded["demand"];
    }

    /// @notice Opens a number that was demanded, or shows that it cannot be opened.
    function open(uint256 seed) external {
        ++calls;
        if (demands.length != 0) _open(_draw(seed, "demand", demands.length));
    }

    /* TIME */

    function _attend(uint256 later) internal override {
        while (unreported.length != 0) _report(unreported.length - 1);
        super._attend(later);
        for (uint256 i = demands.length; i > 0; --i) {
            if (later > demands[i - 1].answerBy) _open(i - 1);
        }
    }

    function _refundAll() internal override {
        for (uint256 i = demands.length; i > 0; --i) {
            if (clock > demands[i - 1].answerBy) _end(i - 1);
        }
        super._refundAll();
    }

    /* REPORTS */

    function _report(uint256 position) private {
        Record storage record = records[unreported[position]];
        unreported[position] = unreported[unreported.length - 1];
        unreported.pop();
        if (record.intent == Intent.FOREIGN) {
            for (uint256 row; row < record.accounts.length; ++row) _reportDebit(record, row);
            return;
        }
        for (uint256 i; i < record.receipts.length; ++i) _reportReceipt(record, i);
    }

    /// @dev Laws 4 and 5: a debit under another policy goes back as a whole.
    function _reportDebit(Record storage record, uint256 row) private {
        Batch memory batch = record.batch;
        Account memory account = accounts[record.accounts[row]];
        _show(record, row);
        bytes memory data = abi.encodeCall(court.reportPolicy, (_termsOf(account), batch, account.index));
        _reportOnce(record, data, "debit");
        ++succeeded["report policy"];
        _giveBack(record, row, record.amounts[row]);
    }

    /// @dev Laws 4 and 5: what a receipt costs beyond its request, or the price list, goes back as far as it was debited.
    function _reportReceipt(Record storage record, uint256 i) private {
        uint64 price = uint64(record.receipts[i].amounts >> 192);
        uint64 excess = price - price / 2;
        bytes memory data = _reportCall(record, i);
        if (_settlerOf(record.receipts[i]) != record.batch.body.settler) {
            bytes4 expected = price == 0 ? _fairError(record) : ICourt.Court_WrongReceipt.selector;
            return _mustRevert(address(court), data, expected);
        }
        if (price == 0) return _mustRevert(address(court), data, _fairError(record));
        _reportOnce(record, data, "receipt");
        ++succeeded[record.intent == Intent.DEAR ? bytes32("report request") : bytes32("report price")];
        uint32 reservation = uint32(record.receipts[i].ids >> 128);
        for (uint256 row; row < record.accounts.length; ++row) {
            if (accounts[record.accounts[row]].index != reservation) continue;
            _show(record, row);
            return _giveBack(record, row, excess);
        }
        bytes memory refund = _refundCall(record, reservation);
        _mustRevert(address(court), refund, ICourt.Court_NotShown.selector);
    }

    function _refuseReports(Record storage record) private {
        for (uint256 i; i < record.receipts.length; ++i) {
            _mustRevert(address(court), _requestCall(record, i), ICourt.Court_AsRequested.selector);
            _mustRevert(address(court), _priceCall(record, i), ICourt.Court_PriceAllowed.selector);
        }
        for (uint256 row; row < record.accounts.length; ++row) {
            Batch memory batch = record.batch;
            Account memory account = accounts[record.accounts[row]];
            _show(record, row);
            bytes memory data = abi.encodeCall(court.reportPolicy, (_termsOf(account), batch, account.index));
            _mustRevert(address(court), data, ICourt.Court_PolicyAgreed.selector);
        }
        ++succeeded["refuse report"];
    }

    function _reportOnce(Record storage record, bytes memory data, string memory kind) private {
        VM.prank(WATCHER);
        _mustSucceed(address(court), data);
        _fine(kind, record.batch, record.signers);
        _mustRevert(address(court), data, ICourt.Court_AlreadyReported.selector);
    }

    /// @dev Law 5: all of the excess that is still debited comes back, as long as settler and signers have anything.
    function _giveBack(Record storage record, uint256 row, uint64 excess) private {
        uint256 account = record.accounts[row];
        (uint256 owed, bool upheld) = _owedOf(record, row, excess);
        uint256[PAYEES + 1] memory earnings = _allEarnings();
        uint40 faultAt = uint40(record.batch.commitment.committedAt);
        uint256[OPERATORS + 1] memory stakes = _allStakes(faultAt);
        uint64 backNano = _balance(account);
        bytes memory data = _refundCall(record, accounts[account].index);
        _mustSucceed(address(court), data);
        backNano = _balance(account) - backNano;
        require(backNano == owed || (backNano < owed && _isBroke(record)), "L5: the excess comes back");
        if (upheld) accounts[account].missing -= backNano;
        else record.returned[row] += backNano;
        accounts[account].restored += backNano;
        _bookTaken(faultAt, earnings, stakes);
        _mustRevert(address(court), data, ICourt.Court_NothingOwed.selector);
        ++succeeded["refund excess"];
    }

    /// @return owed What there is to give back of an excess.
    /// @return upheld Whether a claim gave the debit back before, but for what was missing.
    function _owedOf(
        Record storage record,
        uint256 row,
        uint64 excess
    ) private view returns (uint256 owed, bool upheld) {
        Account memory account = accounts[record.accounts[row]];
        uint256 id = court.claimOf(account.settler, record.batch.body.number, account.index);
        DebitClaim memory claim = court.getClaim(id);
        upheld = claim.state == ClaimState.UPHELD;
        uint256 left = upheld ? claim.missingNano : record.amounts[row] - record.returned[row];
        owed = Math.min(Math.min(left, _debited(account)), excess);
    }

    function _show(Record storage record, uint256 row) private {
        Batch memory batch = record.batch;
        court.showDebit(batch, record.debits, keccak256(record.credits), row);
    }

    function _refundCall(Record storage record, uint32 reservation) private view returns (bytes memory) {
        (uint32 settler, uint64 number) = (record.batch.body.settler, record.batch.body.number);
        return abi.encodeCall(court.refundExcess, (settler, number, reservation, record.signers));
    }

    function _reportCall(Record storage record, uint256 i) private view returns (bytes memory) {
        return record.intent == Intent.DEAR ? _requestCall(record, i) : _priceCall(record, i);
    }

    function _fairError(Record storage record) private view returns (bytes4) {
        bool request = record.intent == Intent.DEAR;
        return request ? ICourt.Court_AsRequested.selector : ICourt.Court_PriceAllowed.selector;
    }

    function _requestCall(Record storage record, uint256 i) private view returns (bytes memory) {
        Batch memory batch = record.batch;
        Receipt memory receipt = record.receipts[i];
        uint64 sequence = batch.body.firstSequence + uint64(i);
        uint64 price = uint64(receipt.amounts >> 192);
        return
            abi.encodeCall(
                court.reportRequest,
                (_requestOf(batch.body.settler, sequence, price, record.intent), receipt, _path(record, i), batch)
            );
    }

    function _priceCall(Record storage record, uint256 i) private view returns (bytes memory) {
        Batch memory batch = record.batch;
        return abi.encodeCall(court.reportPrice, (record.receipts[i], _path(record, i), batch));
    }

    /* DEMANDS */

    /// @dev A number of a recent batch; half of the time one that nobody can open, if there is one.
    function _pickNumber(uint256 seed) private view returns (uint256 position, uint256 place) {
        uint256 recent = Math.min(records.length, RECENT);
        position = records.length - 1 - _draw(seed, "record", recent);
        place = _draw(seed, "place", records[position].batch.body.count);
        if (_draw(seed, "astray", 2) == 0) return (position, place);
        for (uint256 i = records.length; i > records.length - recent; --i) {
            uint256 last = records[i - 1].receipts.length - 1;
            if (_isAstray(records[i - 1], last)) return (i - 1, last);
        }
    }

    /// @dev Only the last receipt of a batch ever is.
    function _isAstray(Record storage record, uint256 place) private view returns (bool) {
        return record.receipts[place].ids >> 192 != record.batch.body.firstSequence + place;
    }

    function _open(uint256 position) private {
        Demand memory due = demands[position];
        Record storage record = records[due.record];
        Receipt memory receipt = record.receipts[due.position];
        uint32 settler = record.batch.body.settler;
        bytes memory data = _openCall(due, record, 1);
        if (_settlerOf(receipt) != settler) {
            return _mustRevert(address(court), data, ICourt.Court_WrongReceipt.selector);
        }
        if (_isAstray(record, due.position)) {
            return _mustRevert(address(court), data, ICourt.Court_WrongSequence.selector);
        }
        _mustRevert(address(court), _openCall(due, record, NOBODYS_KEY), ICourt.Court_NotAttested.selector);
        ++succeeded["refuse false window"];
        uint256 before = opg.balanceOf(_owner(settler));
        _mustSucceed(address(court), data);
        require(_nano(opg.balanceOf(_owner(settler)) - before) == BOND_NANO, "L5: a right answer earns the bond");
        _removeDemand(position);
        ++succeeded["open"];
    }

    /// @dev A window over this receipt alone, signed by `key`.
    function _openCall(Demand memory due, Record storage record, uint256 key) private view returns (bytes memory) {
        Window memory window = Window({
            settler: record.batch.body.settler,
            verifier: VERIFIER_NODE,
            root: record.leaves[due.position],
            count: 1,
            signedAt: uint64(clock * 1_000)
        });
        bytes memory signature = _sign(key, domain, Messages.windowHash(window));
        bytes32[] memory path = _path(record, due.position);
        return
            abi.encodeCall(
                court.openSequence,
                (due.claim, record.receipts[due.position], path, window, new bytes32[](0), signature)
            );
    }

    /// @dev Law 5: nobody takes from an honest settler.
    function _end(uint256 position) private {
        Demand memory due = demands[position];
        Record storage record = records[due.record];
        require(record.intent != Intent.HONEST, "L5: an honest settler opens all of its numbers");
        court.endSequence(due.claim);
        _fine("unopened", record.batch, "");
        _removeDemand(position);
        ++succeeded["end demand"];
    }

    function _removeDemand(uint256 position) private {
        demands[position] = demands[demands.length - 1];
        demands.pop();
    }

    function _isClaimable(Record storage record) private view returns (bool) {
        return clock <= record.batch.commitment.committedAt + settlement.claimHorizon();
    }
}
