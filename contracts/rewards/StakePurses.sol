// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {IStakeRewards, StakePurse} from "./StakePurse.sol";

/// @title StakePurses
/// @notice An address for each operator whose OPG can only become stake: rewards of stakers are paid to it and compound in the
/// operator's pool. There is no owner and no other way out.
///
/// TOKEN
/// @dev OPG: a transfer moves exactly the amount asked and calls nobody.
///
/// TRUST
/// @dev The stake hub takes exactly what it is offered. It never changes: under another hub the purses are others.
///
/// INVARIANTS
/// @dev What a purse got is in the purse, or was added to the stake of its operator; less than a nano stays. This contract
/// holds nothing.
contract StakePurses {
    event Compounded(uint32 indexed operator, uint64 amountNano);

    error StakePurses_Empty(uint32 operator);

    IERC20 public immutable token;
    IStakeRewards public immutable hub;

    /// @notice What purses are clones of (ERC-1167).
    address public immutable implementation;

    constructor(IERC20 token_, IStakeRewards hub_) {
        token = token_;
        hub = hub_;
        implementation = address(new StakePurse(token_, hub_));
    }

    /// @notice Adds what an operator's purse has to the operator's stake. Anybody may call; waits while the operator has no
    /// active bond of its own, for then the hub reverts.
    function compound(uint32 operator) external returns (uint64 amountNano) {
        address purse = purseOf(operator);
        // The supply is 1e18 nano.
        amountNano = uint64(token.balanceOf(purse) / WEI_PER_NANO);
        if (amountNano == 0) revert StakePurses_Empty(operator);
        if (purse.code.length == 0) Clones.cloneDeterministic(implementation, bytes32(uint256(operator)));
        emit Compounded(operator, amountNano);
        StakePurse(purse).compound(operator, amountNano);
    }

    /// @notice The purse of an operator; it can be paid before there is code.
    function purseOf(uint32 operator) public view returns (address purse) {
        return Clones.predictDeterministicAddress(implementation, bytes32(uint256(operator)), address(this));
    }
}
