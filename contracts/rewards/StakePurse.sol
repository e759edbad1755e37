// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";

/// @notice Where purses put what they get; `StakeHub` is one.
interface IStakeRewards {
    /// @notice Takes that much from the caller, for the active stake of an operator and its delegators.
    function reward(uint32 operator, uint64 amountNano) external;
}

/// @title StakePurse
/// @notice The purse of one operator, a clone: it pays into the operator's pool and has no other function.
///
/// TRUST
/// @dev {StakePurses}, which made it, names the operator it was made for.
contract StakePurse {
    using SafeERC20 for IERC20;

    error StakePurse_NotPurses(address caller);

    address private immutable _purses;
    IERC20 private immutable _token;
    IStakeRewards private immutable _hub;

    constructor(IERC20 token, IStakeRewards hub) {
        (_purses, _token, _hub) = (msg.sender, token, hub);
    }

    /// @notice Pays an amount into the pool of an operator; {StakePurses} only.
    function compound(uint32 operator, uint64 amountNano) external {
        if (msg.sender != _purses) revert StakePurse_NotPurses(msg.sender);
        _token.forceApprove(address(_hub), amountNano * WEI_PER_NANO);
        _hub.reward(operator, amountNano);
    }
}
