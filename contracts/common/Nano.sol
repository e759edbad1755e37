// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Token units (wei, 18 decimals) in one nano. Amounts on hot paths are `uint64` nano: the whole supply is 1e18 nano.
uint256 constant WEI_PER_NANO = 1e9;

/// @dev One whole in parts per million, the unit of every rate.
uint256 constant PPM = 1_000_000;
