// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrantState} from "../../../contracts/vesting/IVestVault.sol";
import {GrantId} from "../../../contracts/vesting/VestBook.sol";
import {VestingActions} from "./VestingActions.sol";
import {GrantBook} from "./VestingState.sol";

/// @title VestingLaws
/// @notice The laws 10 to 14 of README.md.
abstract contract VestingLaws is VestingActions {
    /// @notice Law 10.
    function checkSolvencyOfVault() public view {
        uint256 paidWei;
        for (uint256 i; i < grants.length; ++i) paidWei += _paid(i);
        require(opg.balanceOf(address(vault)) == totalWei + donatedWei - paidWei, "balance = total + donated - paid");
        require(lens.solvency() == int256(donatedWei), "what is beyond was donated");
        require(vault.isSealed(), "sealed");
    }

    /// @notice Law 11.
    function checkGrants() public view {
        for (uint256 i; i < grants.length; ++i) {
            GrantBook memory grant = grants[i];
            GrantId id = GrantId.wrap(i);
            GrantState memory state = lens.stateOf(id);
            require(state.paidWei == _paid(i), "paid");
            require(state.paidWei <= _vested(i), "paid <= vested");
            require(state.revoked == grant.revoked && state.keptTranches == grant.kept, "revocation");
            require(state.handedOver == grant.handedOver, "handover");
            require(lens.beneficiaryOf(id) == grant.beneficiary, "beneficiary");
            require(vault.offeredTo(id) == grant.offeredTo, "offer");
        }
    }

    /// @notice Law 12.
    function checkRecipients() public view {
        address[14] memory others = [
            address(0xd1),
            address(0xd2),
            address(0xf1),
            address(0xf2),
            KEEPER,
            DONOR,
            _actor(0),
            _actor(1),
            _actor(2),
            _actor(3),
            _actor(4),
            _actor(5),
            _actor(6),
            _actor(7)
        ];
        uint256 sumWei = _checkRecipient(_actor(8)) + _checkRecipient(_actor(9));
        for (uint256 i; i < others.length; ++i) sumWei += _checkRecipient(others[i]);
        require(sumWei == totalWei + donatedWei - opg.balanceOf(address(vault)), "sum of payments = outflow");
    }

    /// @notice Law 13.
    function checkCalendar() public view {
        // It costs as much as all the rest.
        require(calls % 16 != 0 || lens.tableHash() == tableHash, "the table");
        uint256[] memory claimable = lens.claimable(0, type(uint256).max);
        uint256 sumWei;
        for (uint256 i; i < grants.length; ++i) {
            require(claimable[i] == _vested(i) - _paid(i), "claimable");
            sumWei += _vested(i);
        }
        (uint256 timestamp, uint256 unlockedWei) = lens.unlockedNow();
        require(timestamp == clock && unlockedWei == sumWei, "unlocked by the plain calendar");
    }

    /// @notice Law 14.
    function checkAllowances() public view {
        for (uint256 i; i < ACTORS; ++i) {
            require(opg.allowance(address(vault), _actor(i)) == 0, "no allowance");
        }
        require(opg.allowance(address(vault), address(lens)) == 0, "not to the lens");
    }

    function _checkRecipient(address account) private view returns (uint256) {
        uint256 heldWei = account == DONOR ? 1e27 - totalWei - donatedWei : 0;
        require(opg.balanceOf(account) == heldWei + received[account], "received what is due");
        return received[account];
    }
}
