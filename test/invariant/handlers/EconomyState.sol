// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WEI_PER_NANO} from "../../../contracts/common/Nano.sol";
import {EngineTuple} from "../../../contracts/registry/EngineTuple.sol";
import {ModelVersion} from "../../../contracts/registry/IModelRegistry.sol";
import {Batch, Receipt, Terms} from "../../../contracts/settlement/SettlementTypes.sol";
import {Protocol} from "../../helpers/Protocol.sol";
import {VM} from "../../helpers/Vm.sol";

/// @dev What a settler is up to.
enum Intent {
    HONEST,
    FORGED, // receipts show more than the payer signed
    UNSHOWN, // vouchers allow more than receipts show
    DEAR, // receipts cost twice what their requests allow
    OVERPRICED, // receipts cost twice what the price list says
    FOREIGN // debits reservations under another policy than they were opened with
}

/// @notice What the payer of a reservation knows of it. Amounts in nano, over its whole life.
struct Account {
    uint32 settler;
    uint32 index;
    uint256 payer; // position among the payers
    uint16 policy;
    uint64 deposited;
    uint64 released;
    uint64 debited;
    uint64 restored;
    uint64 missing; // debited without a right to it and never given back
    uint64 signed; // cumulative, of the latest voucher
    uint64 spent; // cumulative, of the latest honest receipt
    uint64 shown; // cumulative, of the committed receipt that shows most, honest or not
    bool hasReceipt;
    uint256 shownIn; // record of the batch with that receipt
    uint256 shownAt; // its position there
}

/// @notice A batch as it was committed.
struct Record {
    Batch batch;
    bytes debits;
    bytes credits;
    bytes signers;
    Receipt[] receipts;
    bytes32[] leaves;
    uint256 firstWindow; // leaves in the first of two windows
    uint256[] accounts; // one for each debit row
    uint64[] amounts;
    mapping(uint256 row => bool) claimed;
    mapping(uint256 row => uint64) returned; // as excess, but for what an upheld claim was missing
    Intent intent;
    uint256 stakeNano; // effective stake of the settler when it was committed
}

/// @notice A debit that the watcher has yet to claim, or a claim that is open.
struct Doubt {
    uint256 claim; // 0: not claimed yet
    uint256 record;
    uint256 row;
    uint256 answerBy;
}

/// @notice A sequence number that somebody demanded to see.
struct Demand {
    uint256 claim;
    uint256 record;
    uint256 position; // of the receipt that should have the number
    uint256 answerBy;
}

/// @notice A fault that was proven and has not cost anything yet.
struct Fine {
    bytes32 evidenceId;
    uint32 settler;
    bytes signers;
    uint256 dueAt;
    uint40 faultAt;
}

struct Outflow {
    uint32 payee;
    uint32 id;
    uint64 amountNano;
    uint256 dueAt;
}

/// @title EconomyState
/// @notice The actors, and a second set of books that follows from what they did and not from what the contracts store.
abstract contract EconomyState is Protocol {
    uint256 internal constant PAYERS = 3;
    uint32 internal constant SETTLERS = 2; // operators 1 and 2; the first also runs a verifier, which may not sign for it
    uint32 internal constant OPERATORS = 5;
    uint32 internal constant PAYEES = 6; // the treasury, one of each settler, and three others
    uint256 internal constant MAX_ACCOUNTS = 14;

    uint64 internal constant SETTLER_STAKE_NANO = 1_000e9;
    uint64 internal constant VERIFIER_STAKE_NANO = 20e9;
    uint64 internal constant DEPOSIT_NANO = 300e9;
    uint256 internal constant VOUCHER_KEYS = 3_000; // voucher key of payer i: VOUCHER_KEYS + i

    address internal constant WATCHER = address(0xe1);
    address internal constant STRANGER = address(0xe2);

    /// @dev The time, in seconds. `block.timestamp` is no use here: the compiler takes it for constant within a call.
    uint256 internal clock;

    /// @notice Thrown when a call that must be refused went through, or was refused for another reason.
    error WrongOutcome(bool ok, bytes4 expected, bytes reason);

    mapping(bytes32 action => uint256) internal succeeded;
    uint256 internal calls;

    Account[] internal accounts;
    Record[] internal records;
    Doubt[] internal unclaimed;
    Doubt[] internal claims;
    uint256[] internal unreported; // records with receipts or debits that cost too much
    Demand[] internal demands;
    Outflow[] internal outflows;
    Fine[] internal fines;
    mapping(bytes32 evidenceId => bool) internal fined;

    mapping(uint32 settler => uint64) internal sequences;
    mapping(uint32 settler => uint64) internal batches;
    mapping(uint32 settler => bytes32) internal heads;
    mapping(uint32 settler => uint256) internal fees;
    mapping(uint32 payee => uint256) internal credited;
    mapping(uint32 payee => uint256) internal taken; // by the court
    mapping(uint32 payee => uint256) internal paid;
    mapping(uint32 operator => uint256) internal staked; // less what was withdrawn
    mapping(uint32 operator => uint256[]) internal leaving; // periods in which something left
    uint256 internal pauseNotBefore;

    /// @dev A version that costs a nano for a unit of output.
    bytes32 internal immutable model;

    constructor() {
        clock = block.timestamp;
        for (uint256 i; i < PAYERS; ++i) _fund(_payer(i), 1_000_000e18);
        _fund(WATCHER, 1_000_000e18);
        _fund(STRANGER, 1_000_000e18);
        opg.approve(address(hub), type(uint256).max);
        model = _publish();

        for (uint32 i = 2; i <= PAYEES; ++i) settlement.registerPayee(_payeeAccount(i));
        for (uint32 i = 1; i <= SETTLERS; ++i) {
            VM.prank(_owner(i));
            nodes.registerOperator();
            VM.prank(_owner(i));
            settlement.openSettler(i, i + 1, address(this));
        }
        for (uint32 i = 3; i <= OPERATORS; ++i) _registerVerifier(_owner(i), i - 2);
        _registerVerifier(_owner(1), ENCLAVES);
        for (uint32 i = 1; i <= OPERATORS; ++i) {
            staked[i] = i <= SETTLERS ? SETTLER_STAKE_NANO : VERIFIER_STAKE_NANO;
            hub.bond(i, uint64(staked[i]));
        }
        clock += ACTIVATION + EPOCH;
        VM.warp(clock);
        for (uint32 i = 1; i <= OPERATORS; ++i) hub.roll(i);
    }

    /* ACTORS */

    function _payerKey(uint256 i) internal pure returns (uint256) {
        return 2_000 + i;
    }

    function _payer(uint256 i) internal pure returns (address) {
        return VM.addr(_payerKey(i));
    }

    function _owner(uint32 operator) internal pure returns (address) {
        return address(uint160(0xa00 + operator));
    }

    function _payeeAccount(uint32 payee) internal pure returns (address) {
        if (payee == 1) return TREASURY;
        // A settler's earnings are its owner's.
        return payee <= SETTLERS + 1 ? _owner(payee - 1) : address(uint160(0xb00 + payee));
    }

    function _termsOf(Account memory account) internal pure returns (Terms memory) {
        return
            Terms({
                payer: _payer(account.payer),
                voucherKey: VM.addr(VOUCHER_KEYS + account.payer),
                policy: account.policy
            });
    }

    function _publish() private returns (bytes32) {
        ModelVersion memory version;
        version.artifactSha256 = bytes32(uint256(1));
        version.engines = new EngineTuple[](1);
        version.outputPriceNano = 1;
        return models.publish(version);
    }

    function _fund(address who, uint256 amountWei) private {
        opg.transfer(who, amountWei);
        VM.prank(who);
        opg.approve(address(settlement), type(uint256).max);
        VM.prank(who);
        opg.approve(address(court), type(uint256).max);
    }

    /* HELP */

    /// @dev A number below `limit`, which is not 0.
    function _draw(uint256 seed, bytes32 what, uint256 limit) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what))) % limit;
    }

    /// @dev From 1 to `most`, which is not 0.
    function _drawAmount(uint256 seed, bytes32 what, uint256 most) internal pure returns (uint64) {
        return uint64(1 + _draw(seed, what, most));
    }

    function _row(uint32 index, uint64 amountNano) internal pure returns (bytes memory) {
        return abi.encodePacked(index, amountNano);
    }

    /// @dev What vouchers allow and receipts show.
    function _owed(Account memory account) internal pure returns (uint64) {
        return account.signed < account.shown ? account.signed : account.shown;
    }

    /// @dev What was debited and not given back.
    function _debited(Account memory account) internal pure returns (uint64) {
        return account.debited - account.restored;
    }

    function _paused() internal view returns (bool) {
        return clock <= settlement.pausedUntil();
    }

    /// @dev Calls, passes an error on.
    function _mustSucceed(address target, bytes memory data) internal returns (bytes memory result) {
        bool ok;
        (ok, result) = target.call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    /// @dev Calls, expects a certain error.
    function _mustRevert(address target, bytes memory data, bytes4 expected) internal {
        (bool ok, bytes memory reason) = target.call(data);
        if (ok || bytes4(reason) != expected) revert WrongOutcome(ok, expected, reason);
    }

    function _nano(uint256 amountWei) internal pure returns (uint256) {
        require(amountWei % WEI_PER_NANO == 0, "whole nano");
        return amountWei / WEI_PER_NANO;
    }

    /// @dev Law 4: a fault is fined once a batch, the penalty delay after it was proven.
    function _fine(string memory kind, Batch memory batch, bytes memory signers) internal {
        uint32 settler = batch.body.settler;
        bytes32 evidenceId = keccak256(abi.encode(kind, settler, batch.body.number));
        if (fined[evidenceId]) return;
        fined[evidenceId] = true;
        uint40 faultAt = uint40(batch.commitment.committedAt);
        fines.push(Fine(evidenceId, settler, signers, clock + court.penaltyDelay(), faultAt));
    }

    function _remove(Doubt[] storage list, uint256 position) internal {
        list[position] = list[list.length - 1];
        list.pop();
    }
}
