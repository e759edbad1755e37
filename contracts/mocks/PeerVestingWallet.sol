// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VestingWallet} from "@openzeppelin/contracts/finance/VestingWallet.sol";

/// @notice OpenZeppelin's wallet for one beneficiary as it is, which the gas bench measures beside ours.
contract PeerVestingWallet is VestingWallet {
    constructor(
        address beneficiary,
        uint64 startTimestamp,
        uint64 durationSeconds
    ) payable VestingWallet(beneficiary, startTimestamp, durationSeconds) {}
}
