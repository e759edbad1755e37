// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {ICourt} from "../../../contracts/settlement/ICourt.sol";
import {ISettlement} from "../../../contracts/settlement/ISettlement.sol";
import {MerkleBatch} from "../../../contracts/settlement/MerkleBatch.sol";
import {Messages} from "../../../contracts/settlement/Messages.sol";
import {
    Batch,
    BatchBody,
    BatchHeader,
    BatchRef,
    Commitment,
    Receipt,
    Request,
    Settler
} from "../../../contracts/settlement/SettlementTypes.sol";
import {Trees} from "../../helpers/Trees.sol";
import {Account, Doubt, EconomyState, Intent, Record} from "./EconomyState.sol";

/// @notice A batch before it is committed.
struct Draft {
    Intent intent;
    BatchBody body;
    bytes debits;
    bytes credits;
    bytes signatures;
    bytes signers;
    bytes tree;
    Receipt[] receipts;
    bytes32[] leaves;
    uint256 firstWindow;
    uint256[] shown; // account of each receipt
    uint64[] prices; // of each receipt
    uint256[] accounts; // account of each debit
    uint64[] amounts; // of each debit
}

/// @title Settlers
/// @notice The first settler commits honest, bogus and malformed batches, the second one never a bogus one. The verifiers
/// sign whatever they are shown.
abstract contract Settlers is EconomyState {
    uint64 internal constant PRICE_NANO = 30e9;
    uint32 internal constant VERIFIER_NODE = 1; // whose enclave has the private key 1

    function commit(uint256 seed) external {
        ++calls;
        _commit(_draft(uint32(1 + _draw(seed, "settler", SETTLERS)), Intent.HONEST, seed), Intent.HONEST, seed);
    }

    /// @notice Debits what was not signed, what no receipt shows, or what is too dear.
    function commitBogus(uint256 seed) external {
        ++calls;
        bool unowed = _draw(seed, "unowed", 2) == 0;
        Intent intent = Intent(unowed ? 1 + _draw(seed, "intent", 2) : 3 + _draw(seed, "intent", 3));
        _commit(_draft(1, intent, seed), intent, seed);
    }

    /// @notice Breaks a valid batch in one place.
    function commitMutated(uint256 seed) external {
        ++calls;
        if (_paused()) return;
        Draft memory draft = _draft(uint32(1 + _draw(seed, "settler", SETTLERS)), Intent.HONEST, seed);
        BatchHeader memory header = _header(draft.body);
        bytes4 expected = _mutateHeader(draft, header, _draw(seed, "mutation", 20));
        if (expected == 0) expected = _mutateParts(draft, header, _draw(seed, "mutation", 20));
        if (expected == 0) return;
        _mustRevert(address(settlement), _call(draft, header), expected);
        ++succeeded["refuse mutated batch"];
    }

    function collectFees(uint256 seed) external {
        ++calls;
        uint32 settler = uint32(1 + _draw(seed, "settler", SETTLERS));
        uint64 amountNano = settlement.collectFees(settler);
        require(amountNano == fees[settler], "all fees are collected");
        fees[settler] = 0;
        credited[1] += amountNano;
        if (amountNano != 0) ++succeeded["collect fees"];
    }

    /// @notice Proves a receipt of a batch of any age, with the inner hashes of some later batches.
    function prove(uint256 seed) external {
        ++calls;
        if (records.length == 0) return;
        bool disputed = claims.length != 0 && _draw(seed, "disputed", 2) == 0;
        uint256 i =
            disputed ? claims[_draw(seed, "claim", claims.length)].record : _draw(seed, "record", records.length);
        Record storage record = records[i];
        uint32 settler = record.batch.body.settler;
        BatchRef memory ref = BatchRef({
            number: record.batch.body.number,
            prevHash: record.batch.prevHash,
            restHash: _restHash(record.batch),
            later: new bytes32[](0)
        });
        uint256 most = _draw(seed, "later", 4);
        for (++i; ref.later.length < most && i < records.length; ++i) {
            Batch storage next = records[i].batch;
            if (next.body.settler != settler) continue;
            ref.later = Trees.append(ref.later, Messages.innerHash(next.body.root, _restHash(next)));
        }
        _proveAll(record, ref);
        _checkFinal(record);
        ++succeeded["prove"];
    }

    /* COMMIT */

    function _commit(Draft memory draft, Intent intent, uint256 seed) private {
        BatchHeader memory header = _header(draft.body);
        bytes memory data = _call(draft, header);
        if (_paused()) {
            _mustRevert(address(settlement), data, ISettlement.Settlement_Paused.selector);
            ++succeeded["refuse while paused"];
            return;
        }
        if (_room(draft.body.settler) < 0) {
            // Slashed since: it waits, or stakes more, even for a batch that debits nothing.
            _mustRevert(address(settlement), data, ISettlement.Settlement_CoverExceeded.selector);
            ++succeeded["refuse slashed settler"];
            return;
        }
        bool astray = intent != Intent.HONEST && _draw(seed, "astray", 6) == 0;
        if (astray) data = _leadAstray(draft);

        _mustSucceed(address(settlement), data);
        Record storage record = _keep(draft);
        record.intent = intent;
        _book(draft, intent);
        _checkHeader(record);
        _checkCover(draft.body.settler);
        _proveAll(
            record,
            BatchRef(draft.body.number, record.batch.prevHash, _restHash(record.batch), new bytes32[](0))
        );
        _reportLast(record, astray);
        ++succeeded[intent == Intent.HONEST ? bytes32("commit") : bytes32("commit bogus")];
    }

    function _keep(Draft memory draft) private returns (Record storage record) {
        uint32 settler = draft.body.settler;
        record = records.push();
        record.batch.body = draft.body;
        record.batch.commitment = Commitment({
            signersHash: keccak256(draft.signers),
            committedAt: uint64(clock),
            committedIn: uint64(block.number)
        });
        record.batch.prevHash = heads[settler];
        record.debits = draft.debits;
        record.credits = draft.credits;
        record.signers = draft.signers;
        record.leaves = draft.leaves;
        record.firstWindow = draft.firstWindow;
        record.accounts = draft.accounts;
        record.amounts = draft.amounts;
        record.stakeNano = hub.effectiveStake(settler);
        for (uint256 i; i < draft.receipts.length; ++i) record.receipts.push(draft.receipts[i]);

        heads[settler] = Messages.headerHash(
            heads[settler],
            Messages.innerHash(draft.body.root, _restHash(record.batch))
        );
        sequences[settler] += draft.body.count;
        batches[settler] = draft.body.number;
    }

    /// @dev What the batch means for those whom it concerns.
    function _book(Draft memory draft, Intent intent) private {
        uint256 position = records.length - 1;
        for (uint256 i; i < draft.shown.length; ++i) {
            Account storage account = accounts[draft.shown[i]];
            if (intent != Intent.FORGED) account.signed += draft.prices[i];
            if (_isSpent(intent)) account.spent += draft.prices[i];
            uint64 spent = uint64(draft.receipts[i].times);
            if (_settlerOf(draft.receipts[i]) != draft.body.settler) continue;
            if (account.hasReceipt && spent <= account.shown) continue;
            account.hasReceipt = true;
            (account.shown, account.shownIn, account.shownAt) = (spent, position, i);
        }
        for (uint256 i; i < draft.accounts.length; ++i) {
            Account storage account = accounts[draft.accounts[i]];
            account.debited += draft.amounts[i];
            if (_debited(account) > _owed(account)) unclaimed.push(Doubt(0, position, i, 0));
        }
        for (uint256 offset; offset < draft.credits.length; offset += 12) {
            (uint32 payee, uint64 amountNano) = _rowAt(draft.credits, offset);
            credited[payee] += amountNano;
        }
        if (_isSpent(intent) && intent != Intent.HONEST) unreported.push(position);
        fees[draft.body.settler] += draft.body.fee;
        succeeded["debit rows"] += draft.accounts.length;
    }

    /// @dev Law 8: the contract keeps exactly this header, which binds the first sequence to the end of the last batch.
    function _checkHeader(Record storage record) private view {
        BatchBody memory body = record.batch.body;
        Settler memory settler = settlement.getSettler(body.settler);
        require(settlement.headerHash(body.settler, body.number) == heads[body.settler], "L8: header");
        require(body.firstSequence + body.count == settler.nextSequence, "L8: sequences adjoin");
    }

    /// @dev Law 6: what a settler debited within any cover period is at most the highest stake that it had at those commits.
    function _checkCover(uint32 settler) private view {
        uint256 total;
        uint256 stakeNano;
        for (uint256 i = records.length; i > 0; --i) {
            Record storage record = records[i - 1];
            if (record.batch.commitment.committedAt + settlement.coverPeriod() < clock) break;
            if (record.batch.body.settler != settler) continue;
            total += record.batch.body.total;
            stakeNano = Math.max(stakeNano, record.stakeNano);
        }
        require(total <= stakeNano, "L6: debits within a cover period are covered");
    }

    /// @dev Law 7: every receipt of the batch proves, and nothing else does.
    function _proveAll(Record storage record, BatchRef memory ref) private view {
        for (uint256 i; i < record.receipts.length; ++i) {
            Receipt memory receipt = record.receipts[i];
            bytes32[] memory path = _path(record, i);
            bool astray = _settlerOf(receipt) != record.batch.body.settler;
            require(receipts.isCommitted(receipt, path, ref) != astray, "L7: a settled receipt proves");

            bytes32 saved = receipt.outputHash;
            receipt.outputHash = bytes32(uint256(saved) ^ 1);
            require(!receipts.isCommitted(receipt, path, ref), "L7: no other receipt does");
            receipt.outputHash = saved;
            if (path.length == 0) continue;
            path[0] = bytes32(uint256(path[0]) ^ 1);
            require(!receipts.isCommitted(receipt, path, ref), "L7: nor on another path");
        }
    }

    /// @dev Law 7 again: a receipt is final once the horizon has passed and no claim against its batch is open.
    function _checkFinal(Record storage record) internal {
        Batch memory batch = record.batch;
        if (_settlerOf(record.receipts[0]) != batch.body.settler) return;
        bool old = clock > batch.commitment.committedAt + settlement.claimHorizon();
        bool open = court.openClaims(batch.body.settler, batch.body.number) != 0;
        require(receipts.isFinal(record.receipts[0], _path(record, 0), batch) == (old && !open), "L7: final");
        if (old) ++succeeded[open ? bytes32("held up") : bytes32("final")];
    }

    /// @dev Law 8 again: a receipt that is outside of its batch will be fined, one inside never is.
    function _reportLast(Record storage record, bool astray) private {
        uint256 last = record.receipts.length - 1;
        Batch memory batch = record.batch;
        bytes32[] memory path = _path(record, last);
        if (!astray) {
            bytes memory data = abi.encodeCall(court.reportOutOfRange, (record.receipts[last], path, batch));
            return _mustRevert(address(court), data, ICourt.Court_InRange.selector);
        }
        court.reportOutOfRange(record.receipts[last], path, batch);
        _fine("sequence", batch, "");
        ++succeeded["report sequence"];
    }

    /* DRAFT */

    function _draft(uint32 settler, Intent intent, uint256 seed) internal view returns (Draft memory draft) {
        uint16 policy = uint16(1 + _draw(seed, "policy", 2));
        draft.intent = intent;
        draft.body.settler = settler;
        draft.body.number = batches[settler] + 1;
        draft.body.firstSequence = sequences[settler];
        draft.body.policy = policy;
        draft.body.deadline = uint64(clock + _draw(seed, "deadline", 600));
        draft.body.data = keccak256(abi.encode(seed));
        _addReceipts(draft, intent, seed);
        draft.body.fee = uint64(Math.ceilDiv(uint256(draft.body.total) * (policy == OFFCHAIN ? 50_000 : 33_333), 1e6));
        _addCredits(draft, intent, seed);
        _addTree(draft, 1 + _draw(seed, "window", draft.receipts.length));
        _seal(draft, _draw(seed, "signers", 4));
    }

    /// @dev A receipt for each of some reservations, and a debit where there is money and cover.
    function _addReceipts(Draft memory draft, Intent intent, uint256 seed) private view {
        draft.receipts = new Receipt[](MAX_ACCOUNTS);
        (draft.shown, draft.prices) = (new uint256[](MAX_ACCOUNTS), new uint64[](MAX_ACCOUNTS));
        (draft.accounts, draft.amounts) = (new uint256[](MAX_ACCOUNTS), new uint64[](MAX_ACCOUNTS));
        uint256 room = uint256(SignedMath.max(_room(draft.body.settler), 0));
        // Bogus ones are small enough that the cover reaches for many.
        uint256 most = intent == Intent.HONEST ? PRICE_NANO : room / 8 + 1;
        uint256 rows;
        for (uint256 i; i < accounts.length; ++i) {
            Account memory account = accounts[i];
            if (account.settler != draft.body.settler) continue;
            if ((account.policy == draft.body.policy) == (intent == Intent.FOREIGN)) continue;
            if (intent == Intent.HONEST && _draw(seed, bytes32(i), 2) == 0) continue;
            uint256 price = _drawAmount(seed, keccak256(abi.encode(i)), most);
            (uint64 balance, , ) = settlement.getReservation(account.settler, account.index);
            uint256 amount = Math.min(price, Math.min(balance, room));
            room -= amount;
            // Seldom more is spent than can be collected; a gateway sees to that.
            if (_draw(seed, "uncollected", 16) != 0) price = amount;
            uint64 spent = account.spent;
            if (_isSpent(intent)) spent += uint64(price);
            if (intent == Intent.FORGED) spent = _debited(account) + uint64(price);
            draft.receipts[draft.body.count] = _receipt(draft, account, uint64(price), spent);
            (draft.shown[draft.body.count], draft.prices[draft.body.count]) = (i, uint64(price));
            ++draft.body.count;
            if (amount == 0) continue;
            (draft.accounts[rows], draft.amounts[rows]) = (i, uint64(amount));
            draft.debits = bytes.concat(draft.debits, _row(account.index, uint64(amount)));
            draft.body.total += uint64(amount);
            ++rows;
        }
        uint256 count = draft.body.count;
        if (count == 0) {
            // Nothing but an abandoned number, of a reservation that may not exist.
            Account memory nobody;
            nobody.settler = draft.body.settler;
            nobody.index = type(uint32).max;
            draft.receipts[0] = _receipt(draft, nobody, 0, 0);
            (draft.shown, draft.prices) = (new uint256[](0), new uint64[](0));
        }
        draft.body.count = uint32(count == 0 ? 1 : count);
        _cut(draft, draft.body.count, count, rows);
    }

    function _cut(Draft memory draft, uint256 total, uint256 count, uint256 rows) private pure {
        (Receipt[] memory a, uint256[] memory b, uint64[] memory c) = (draft.receipts, draft.shown, draft.prices);
        (uint256[] memory d, uint64[] memory e) = (draft.accounts, draft.amounts);
        assembly ("memory-safe") {
            // Each was made at least as long.
            mstore(a, total)
            mstore(b, count)
            mstore(c, count)
            mstore(d, rows)
            mstore(e, rows)
        }
    }

    /// @dev The next one of a draft.
    function _receipt(
        Draft memory draft,
        Account memory account,
        uint64 price,
        uint64 spent
    ) private view returns (Receipt memory receipt) {
        uint64 sequence = draft.body.firstSequence + draft.body.count;
        receipt.ids =
            (uint256(sequence) << 192) |
            (uint256(account.settler) << 160) |
            (uint256(account.index) << 128) |
            (uint256(VERIFIER_NODE) << 64) |
            (uint256(2) << 56) |
            (uint256(1) << 48);
        // A unit costs a nano.
        receipt.amounts = (uint256(price) << 192) | (draft.intent == Intent.OVERPRICED ? price / 2 : price);
        receipt.times = spent;
        receipt.modelVersion = model;
        receipt.evidenceHash = bytes32(uint256(1));
        receipt.requestId = Messages.requestHash(_requestOf(account.settler, sequence, price, draft.intent));
        receipt.outputHash = ~receipt.requestId;
    }

    /// @dev What was asked for; the settler and the sequence make it unlike all others.
    function _requestOf(
        uint32 settler,
        uint64 sequence,
        uint64 price,
        Intent intent
    ) internal view returns (Request memory) {
        return
            Request({
                modelVersion: model,
                inputHash: 0,
                minMode: 2,
                maxPrice: intent == Intent.DEAR ? price / 2 : price,
                valueAtRisk: 0,
                nonce: bytes32((uint256(settler) << 64) | sequence)
            });
    }

    /// @dev The vouchers and the receipts are as if all of it were owed.
    function _isSpent(Intent intent) internal pure returns (bool) {
        return intent != Intent.FORGED && intent != Intent.UNSHOWN;
    }

    /// @dev The settler and one other share what the fee leaves; of a bogus batch the other gets all.
    function _addCredits(Draft memory draft, Intent intent, uint256 seed) private pure {
        uint256 rest = draft.body.total - draft.body.fee;
        uint32 own = draft.body.settler + 1;
        uint32 other = uint32(1 + _draw(seed, "payee", PAYEES));
        uint256 part =
            other == own
                ? 0
                : intent == Intent.HONEST
                    ? _draw(seed, "part", rest + 1)
                    : rest;
        bytes memory ownRow = rest == part ? bytes("") : _row(own, uint64(rest - part));
        bytes memory otherRow = part == 0 ? bytes("") : _row(other, uint64(part));
        draft.credits = own < other ? bytes.concat(ownRow, otherRow) : bytes.concat(otherRow, ownRow);
    }

    /// @dev Two windows, the second of which may be empty and is then left out.
    function _addTree(Draft memory draft, uint256 firstWindow) private view {
        draft.firstWindow = firstWindow;
        uint256 count = draft.receipts.length;
        draft.leaves = new bytes32[](count);
        for (uint256 i; i < count; ++i) draft.leaves[i] = Messages.leaf(domain, draft.receipts[i]);
        draft.body.root = Trees.root(_windowRoots(draft.leaves, firstWindow));
        if (draft.body.policy == OFFCHAIN) return;
        uint16 second = uint16(count - firstWindow);
        bytes memory sizes = second == 0 ? bytes("") : abi.encodePacked(second);
        sizes = abi.encodePacked(uint16(firstWindow), sizes);
        draft.body.data = keccak256(sizes);
        draft.tree = abi.encodePacked(uint16(sizes.length / 2), sizes, draft.leaves);
    }

    /// @dev Rows hash and signatures; `skipped` of three verifiers does not sign, or all do.
    function _seal(Draft memory draft, uint256 skipped) private view {
        draft.body.rowsHash = Messages.rowsHash(draft.debits, draft.credits);
        bytes32 hash = Messages.bodyHash(draft.body);
        bool one = draft.body.policy == CALLDATA;
        draft.signers = "";
        draft.signatures = "";
        for (uint256 i; i < 3; ++i) {
            if (one ? i != skipped % 3 : i == skipped) continue;
            draft.signers = bytes.concat(draft.signers, bytes4(uint32(3 + i)));
            draft.signatures = bytes.concat(draft.signatures, _signCompact(1 + i, domain, hash));
        }
    }

    /// @dev The last receipt gets a sequence that is outside of the batch, or another settler.
    function _leadAstray(Draft memory draft) private view returns (bytes memory) {
        Receipt memory last = draft.receipts[draft.receipts.length - 1];
        last.ids = (last.ids & (type(uint256).max >> 64)) | ((type(uint64).max - calls) << 192);
        if (calls % 2 == 0) last.ids ^= uint256(3) << 160; // 1 becomes 2
        _addTree(draft, draft.firstWindow);
        _seal(draft, 3);
        return _call(draft, _header(draft.body));
    }

    /* MUTATIONS */

    function _mutateHeader(Draft memory draft, BatchHeader memory header, uint256 which) private view returns (bytes4) {
        bool calldataMode = header.policy == CALLDATA;
        if (which == 0) {
            header.number += 1;
            return ISettlement.Settlement_WrongBatchNumber.selector;
        } else if (which == 1) {
            header.number -= 1;
            return ISettlement.Settlement_WrongBatchNumber.selector;
        } else if (which == 2) {
            header.deadline = uint64(clock - 1);
            return ISettlement.Settlement_DeadlinePassed.selector;
        } else if (which == 3) {
            header.count = 0;
            return ISettlement.Settlement_EmptyBatch.selector;
        } else if (which == 4) {
            header.policy = 3;
            return ISettlement.Settlement_UnknownPolicy.selector;
        } else if (which == 5) {
            header.settler = 3;
            return ISettlement.Settlement_UnknownSettler.selector;
        } else if (which == 6) {
            header.root ^= bytes32(uint256(1));
            return
                calldataMode
                    ? ISettlement.Settlement_WrongRoot.selector
                    : ISettlement.Settlement_SignerNotActive.selector;
        } else if (which == 7) {
            header.data ^= bytes32(uint256(1));
            return
                calldataMode
                    ? ISettlement.Settlement_WrongData.selector
                    : ISettlement.Settlement_SignerNotActive.selector;
        } else if (which == 8) {
            header.count += 1;
            return
                calldataMode
                    ? ISettlement.Settlement_WrongCount.selector
                    : ISettlement.Settlement_SignerNotActive.selector;
        } else if (which == 9) {
            draft.tree = bytes.concat(draft.tree, bytes1(0));
            return
                calldataMode
                    ? MerkleBatch.MerkleBatch_WrongLength.selector
                    : ISettlement.Settlement_WrongDataMode.selector;
        }
        return 0;
    }

    function _mutateParts(Draft memory draft, BatchHeader memory header, uint256 which) private view returns (bytes4) {
        uint32 last = settlement.getSettler(header.settler).reservations;
        if (which == 10) {
            draft.debits = bytes.concat(draft.debits, bytes1(0));
            return ISettlement.Settlement_BadRowLength.selector;
        } else if (which == 11) {
            if (draft.debits.length == 0) return 0;
            draft.debits = bytes.concat(draft.debits, draft.debits);
            return ISettlement.Settlement_RowsUnsorted.selector;
        } else if (which == 12) {
            draft.debits = bytes.concat(draft.debits, _row(last, 0));
            return ISettlement.Settlement_ZeroRow.selector;
        } else if (which == 13) {
            draft.debits = bytes.concat(draft.debits, _row(last, 1));
            return ISettlement.Settlement_LaneShort.selector;
        } else if (which == 14) {
            draft.credits = bytes.concat(draft.credits, _row(PAYEES + 1, 1));
            return ISettlement.Settlement_UnknownPayee.selector;
        } else if (which == 15) {
            if (draft.credits.length == 0) return 0;
            draft.credits = "";
            return ISettlement.Settlement_Unbalanced.selector;
        } else if (which == 16) {
            draft.signatures = header.policy == OFFCHAIN ? _first(draft.signatures) : bytes("");
            return ISettlement.Settlement_QuorumTooSmall.selector;
        } else if (which == 17) {
            draft.signatures = bytes.concat(_first(draft.signatures), _first(draft.signatures));
            return ISettlement.Settlement_SignersNotDistinct.selector;
        } else if (which == 18) {
            // The settler's own verifier; the second settler's batch it may sign, but here it stands before the others.
            bytes memory own = _signCompact(ENCLAVES, domain, Messages.bodyHash(draft.body));
            draft.signatures = bytes.concat(draft.signatures, own);
            return
                header.settler == 1
                    ? ISettlement.Settlement_SignerIsSettler.selector
                    : ISettlement.Settlement_SignersNotDistinct.selector;
        }
        return _exceedCover(draft, header);
    }

    /// @dev Signed by all and for money that is there, but more than half the stake.
    function _exceedCover(Draft memory draft, BatchHeader memory header) private view returns (bytes4) {
        uint256 wanted = uint256(SignedMath.max(_room(header.settler), 0)) + 1;
        (draft.debits, draft.credits, draft.body.total) = ("", "", 0);
        for (uint256 i; i < accounts.length && draft.body.total < wanted; ++i) {
            Account memory account = accounts[i];
            if (account.settler != header.settler) continue;
            (uint64 balance, , ) = settlement.getReservation(account.settler, account.index);
            uint64 amount = uint64(Math.min(balance, wanted - draft.body.total));
            if (amount == 0) continue;
            draft.debits = bytes.concat(draft.debits, _row(account.index, amount));
            draft.body.total += amount;
        }
        if (draft.body.total < wanted) return 0;
        uint256 feePpm = header.policy == OFFCHAIN ? 50_000 : 33_333;
        draft.body.fee = uint64(Math.ceilDiv(uint256(draft.body.total) * feePpm, 1e6));
        if (draft.body.total > draft.body.fee) draft.credits = _row(2, draft.body.total - draft.body.fee);
        _seal(draft, 3);
        return ISettlement.Settlement_CoverExceeded.selector;
    }

    function _first(bytes memory signatures) private pure returns (bytes memory first) {
        first = new bytes(64);
        for (uint256 i; i < 64; ++i) first[i] = signatures[i];
    }

    /* HELP */

    /// @dev What the settler may still debit now; less than nothing when it was slashed after it debited.
    function _room(uint32 settler) internal view returns (int256) {
        Settler memory state = settlement.getSettler(settler);
        uint256 stake = hub.effectiveStake(settler);
        uint256 drained = (stake * (clock - state.levelAt)) / (2 * uint256(settlement.coverPeriod()));
        uint256 level = state.levelNano > drained ? state.levelNano - drained : 0;
        return int256(stake / 2) - int256(level);
    }

    function _header(BatchBody memory body) private pure returns (BatchHeader memory) {
        return
            BatchHeader({
                settler: body.settler,
                number: body.number,
                root: body.root,
                count: body.count,
                data: body.data,
                policy: body.policy,
                deadline: body.deadline
            });
    }

    function _call(Draft memory draft, BatchHeader memory header) private view returns (bytes memory) {
        return
            abi.encodeCall(settlement.commitBatch, (header, draft.debits, draft.credits, draft.signatures, draft.tree));
    }

    function _windowRoots(bytes32[] memory leaves, uint256 firstWindow) private pure returns (bytes32[] memory roots) {
        roots = Trees.append(roots, Trees.root(Trees.slice(leaves, 0, firstWindow)));
        if (firstWindow == leaves.length) return roots;
        roots = Trees.append(roots, Trees.root(Trees.slice(leaves, firstWindow, leaves.length)));
    }

    function _path(Record storage record, uint256 index) internal view returns (bytes32[] memory) {
        (bytes32[] memory leaves, uint256 first) = (record.leaves, record.firstWindow);
        uint256 window = index < first ? 0 : 1;
        bytes32[] memory own = Trees.slice(leaves, window * first, window == 0 ? first : leaves.length);
        return Trees.join(Trees.path(own, index - window * first), Trees.path(_windowRoots(leaves, first), window));
    }

    function _restHash(Batch storage batch) internal view returns (bytes32) {
        return Messages.restHash(Messages.bodyHash(batch.body), batch.commitment);
    }

    function _settlerOf(Receipt memory receipt) internal pure returns (uint32) {
        return uint32(receipt.ids >> 160);
    }

    function _rowAt(bytes memory rows, uint256 offset) internal pure returns (uint32 index, uint64 amountNano) {
        uint256 row;
        assembly ("memory-safe") {
            row := shr(160, mload(add(add(rows, 32), offset)))
        }
        return (uint32(row >> 64), uint64(row));
    }
}
