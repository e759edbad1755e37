// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @notice One part of the supply and who gets it.
struct Allocation {
    address to;
    uint256 amountWei;
}

/// @title OPG
/// @notice The token: 1,000,000,000 OPG with 18 decimals, minted once, at construction. ERC-20 with ERC-2612 permits and
/// ERC-3009 authorizations. No owner, no mint, no pause, no votes.
///
/// INVARIANTS
/// @dev totalSupply() == 1e27 for ever; a transfer moves exactly the amount asked.
contract OPG is ERC20, ERC20Permit, ERC3009 {
    /// @notice Thrown when the allocations do not add up to the supply; both in wei.
    error OPG_WrongTotal(uint256 allocatedWei, uint256 supplyWei);

    uint256 internal constant SUPPLY_WEI = 1_000_000_000e18;

    /// @param allocations Who gets the supply; the amounts add up to exactly 1e27 wei.
    constructor(Allocation[] memory allocations) ERC20("OpenGradient", "OPG") ERC20Permit("OpenGradient") {
        for (uint256 i; i < allocations.length; ++i) {
            _mint(allocations[i].to, allocations[i].amountWei);
        }
        if (totalSupply() != SUPPLY_WEI) revert OPG_WrongTotal(totalSupply(), SUPPLY_WEI);
    }
}
