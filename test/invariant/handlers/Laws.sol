// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WEI_PER_NANO} from "../../../contracts/common/Nano.sol";
import {Payee, Settler} from "../../../contracts/settlement/SettlementTypes.sol";
import {Bond} from "../../../contracts/staking/StakeTypes.sol";
import {Actions} from "./Actions.sol";
import {Account, Doubt, Outflow} from "./EconomyState.sol";

/// @title Laws
/// @notice The laws of test/invariant/README.md that hold between any two actions; the others stand where they are at stake.
abstract contract Laws is Actions {
    /// @notice Law 1: what settlement holds is what it owes, to the wei.
    function checkSolvency() internal view {
        uint256 owed = settlement.seizedNano();
        require(owed == 0, "L1: nothing stays seized");
        for (uint256 i; i < accounts.length; ++i) owed += _balance(i);
        for (uint32 i = 1; i <= PAYEES; ++i) owed += _earnings(i);
        for (uint32 i = 1; i <= SETTLERS; ++i) owed += settlement.getSettler(i).feesNano;
        require(opg.balanceOf(address(settlement)) == owed * WEI_PER_NANO, "L1: settlement is solvent");
    }

    /// @notice Laws 2 and 5: the books of every reservation, and that no payer loses more than it owes.
    function checkReservations() internal view {
        uint64[] memory disputed = new uint64[](accounts.length);
        _addDisputed(disputed, unclaimed);
        _addDisputed(disputed, claims);
        for (uint256 i; i < accounts.length; ++i) {
            Account memory account = accounts[i];
            (uint64 balance, uint64 net, ) = settlement.getReservation(account.settler, account.index);
            require(net == account.deposited - account.released, "L2: net is deposited less released");
            require(net - balance == _debited(account), "L2: net less balance is debited less restored");
            uint64 excused = disputed[i] + account.missing;
            require(_debited(account) <= _owed(account) + excused, "L5: no payer loses more than it owes");
        }
    }

    /// @notice Law 3: the books of every payee.
    function checkPayees() internal view {
        uint256[PAYEES + 1] memory leaving;
        for (uint256 i; i < outflows.length; ++i) leaving[outflows[i].payee] += outflows[i].amountNano;
        uint256[PAYEES + 1] memory frozen;
        for (uint256 i; i < claims.length; ++i) {
            uint32 settler = records[claims[i].record].batch.body.settler;
            frozen[settler + 1] += records[claims[i].record].amounts[claims[i].row];
        }
        for (uint32 i = 1; i <= PAYEES; ++i) {
            Payee memory payee = settlement.getPayee(i);
            require(uint256(payee.pendingNano) + payee.seizedNano == leaving[i], "L3: open withdrawals");
            require(_earnings(i) == credited[i] - taken[i] - paid[i], "L3: credited, taken, paid");
            require(payee.frozenNano == frozen[i], "L3: open claims freeze the settler's earnings");
        }
    }

    /// @notice Law 4: bonds and claims are backed by exactly what hub and court hold.
    function checkBonds() internal view {
        uint256 total;
        for (uint32 i = 1; i <= OPERATORS; ++i) {
            uint256 sum = hub.getStake(i).selfNano + _joining(i);
            for (uint256 p; p < leaving[i].length; ++p) sum += hub.getBondBucket(i, leaving[i][p]);
            require(sum == staked[i], "L4: staked less withdrawn and slashed");
            total += sum;
        }
        require(opg.balanceOf(address(hub)) == total * WEI_PER_NANO, "L4: the hub holds the bonds");
        uint256 bonds = (claims.length + demands.length) * BOND_NANO;
        require(
            opg.balanceOf(address(court)) == bonds * WEI_PER_NANO,
            "L4: the court holds a bond for each open claim"
        );
    }

    /// @notice Law 8: batches are numbered and their sequences adjoin; fees are what the batches charged.
    function checkSettlers() internal view {
        for (uint32 i = 1; i <= SETTLERS; ++i) {
            Settler memory settler = settlement.getSettler(i);
            require(settler.batches == batches[i], "L8: batches are numbered without gaps");
            require(settler.nextSequence == sequences[i], "L8: sequences adjoin");
            require(settler.feesNano == fees[i], "L8: fees are what batches charged");
        }
        require(block.timestamp == clock, "the handler knows the time");
    }

    /// @notice Law 9: no token is made or lost, and all of them are with those who are known.
    function checkSupply() internal view {
        require(opg.totalSupply() == 1e27, "L9: supply");
        uint256 sum =
            opg.balanceOf(address(this)) +
                opg.balanceOf(address(settlement)) +
                opg.balanceOf(address(court)) +
                opg.balanceOf(address(hub)) +
                opg.balanceOf(RESERVE) +
                opg.balanceOf(WATCHER) +
                opg.balanceOf(STRANGER);
        for (uint256 i; i < PAYERS; ++i) sum += opg.balanceOf(_payer(i));
        sum += opg.balanceOf(_payeeAccount(1));
        for (uint32 i = SETTLERS + 2; i <= PAYEES; ++i) sum += opg.balanceOf(_payeeAccount(i));
        for (uint32 i = 1; i <= OPERATORS; ++i) sum += opg.balanceOf(_owner(i));
        require(sum == 1e27, "L9: every token is somewhere");
    }

    function _joining(uint32 operator) private view returns (uint256 sumNano) {
        Bond memory bond = hub.getBond(operator);
        for (uint256 e = uint256(bond.joinedThrough) + 1; e <= bond.lastJoin; ++e)
            sumNano += hub.getBondJoin(operator, e);
    }

    function _addDisputed(uint64[] memory disputed, Doubt[] storage doubts) private view {
        for (uint256 i; i < doubts.length; ++i) {
            Doubt memory doubt = doubts[i];
            disputed[records[doubt.record].accounts[doubt.row]] += records[doubt.record].amounts[doubt.row];
        }
    }
}
