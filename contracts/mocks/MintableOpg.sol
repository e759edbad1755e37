// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Allocation, OPG} from "../token/OPG.sol";

/// @notice OPG with a way to make more of it.
contract MintableOpg is OPG {
    constructor(Allocation[] memory allocations) OPG(allocations) {}

    function mint(address to, uint256 amountWei) external {
        _mint(to, amountWei);
    }
}
