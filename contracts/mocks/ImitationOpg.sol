// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ITransferHook} from "./HostileToken.sol";

/// @notice A token that calls itself whatever it is told, and then takes fees, rebases, blocks an account or calls out.
contract ImitationOpg is ERC20 {
    uint8 private immutable _decimals;

    /// @notice Taken from each transfer, in wei.
    uint256 public feeWei;

    /// @notice What balances show, in percent of what they are.
    uint256 public percent = 100;

    /// @notice Transfers to it revert.
    address public blocked;

    /// @notice Called in the middle of each transfer, unless zero.
    ITransferHook public hook;

    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supplyWei) ERC20(name_, symbol_) {
        _decimals = decimals_;
        _mint(msg.sender, supplyWei);
    }

    function setFee(uint256 feeWei_) external {
        feeWei = feeWei_;
    }

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function setBlocked(address blocked_) external {
        blocked = blocked_;
    }

    function setHook(ITransferHook hook_) external {
        hook = hook_;
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return (super.balanceOf(account) * percent) / 100;
    }

    function transfer(address to, uint256 amountWei) public override returns (bool) {
        require(to != blocked, "blocked");
        if (feeWei != 0) _transfer(msg.sender, address(0xfee), feeWei);
        _transfer(msg.sender, to, amountWei - feeWei);
        if (address(hook) != address(0)) hook.onTransfer();
        return true;
    }
}
