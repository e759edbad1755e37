// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Says of any two addresses that they were launched together.
contract LaunchHarness {
    address public immutable opg;
    address public immutable vault;

    constructor(address opg_, address vault_) {
        opg = opg_;
        vault = vault_;
    }
}
