// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Whom {HostileToken} tells of transfers.
interface ITransferHook {
    function onTransfer() external;
}

/// @notice A token that breaks the promises of an ERC-20, as it is told: it moves another amount than asked, refuses
/// without reverting, or calls out in the middle of a transfer. Authorizations are not checked.
contract HostileToken is ERC20 {
    /// @notice Added to each amount that is moved, in wei.
    int256 public skewWei;

    /// @notice Whether transfers do nothing and return false.
    bool public refuses;

    /// @notice Called after each transfer, unless zero.
    ITransferHook public hook;

    constructor() ERC20("Hostile", "HOS") {}

    function mint(address to, uint256 amountWei) external {
        _mint(to, amountWei);
    }

    function setSkew(int256 skewWei_) external {
        skewWei = skewWei_;
    }

    function setRefuses(bool refuses_) external {
        refuses = refuses_;
    }

    function setHook(ITransferHook hook_) external {
        hook = hook_;
    }

    function transfer(address to, uint256 amountWei) public override returns (bool) {
        return _move(msg.sender, to, amountWei);
    }

    function transferFrom(address from, address to, uint256 amountWei) public override returns (bool) {
        return _move(from, to, amountWei);
    }

    /// @dev As in ERC-3009, without the signature.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 amountWei,
        uint256,
        uint256,
        bytes32,
        uint8,
        bytes32,
        bytes32
    ) external {
        _move(from, to, amountWei);
    }

    function _move(address from, address to, uint256 amountWei) private returns (bool) {
        if (refuses) return false;
        _transfer(from, to, uint256(int256(amountWei) + skewWei));
        if (address(hook) != address(0)) hook.onTransfer();
        return true;
    }
}
