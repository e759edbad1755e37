// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Allocation, OPG} from "../token/OPG.sol";
import {VestVault} from "./VestVault.sol";

/// @title TokenLaunch
/// @notice Makes OPG and its vault in one transaction: the locked part is minted straight to the vault, which is sealed before
/// anybody else can act. Their addresses are known before, so contracts and the published file can name them.
///
/// TRUST
/// @dev The account that deployed this contract decides once what is launched, and nothing after that. This contract never
/// holds a token.
contract TokenLaunch {
    /// @notice Emitted once.
    event Launched(address indexed opg, address indexed vault, bytes32 bookHash, uint256 lockedWei);

    error TokenLaunch_NotLauncher(address caller, address launcher);
    error TokenLaunch_AlreadyLaunched(address opg);

    /// @notice May launch, once.
    address public immutable launcher;

    /// @notice Where OPG is, or will be: the first contract that this one creates.
    address public immutable opg;

    /// @notice Where the vault is, or will be: the second one.
    address public immutable vault;

    constructor() {
        launcher = msg.sender;
        opg = _created(1);
        vault = _created(2);
    }

    /// @notice Launches.
    /// @param file The published file: 0x00, schedules, grants. See docs/contracts/vesting.md.
    /// @param lockedWei Sum of the grants.
    /// @param liquid Who gets the rest; together with `lockedWei` exactly 1e27 wei.
    function launch(bytes calldata file, uint256 lockedWei, Allocation[] calldata liquid) external {
        if (msg.sender != launcher) revert TokenLaunch_NotLauncher(msg.sender, launcher);
        if (opg.code.length != 0) revert TokenLaunch_AlreadyLaunched(opg);
        Allocation[] memory allocations = new Allocation[](liquid.length + 1);
        allocations[0] = Allocation({to: vault, amountWei: lockedWei});
        for (uint256 i; i < liquid.length; ++i) {
            allocations[i + 1] = liquid[i];
        }
        OPG token = new OPG(allocations);
        VestVault vault_ = new VestVault(token, file, lockedWei);
        vault_.seal();
        emit Launched(address(token), address(vault_), vault_.book().codehash, lockedWei);
    }

    /// @dev CREATE takes keccak256(rlp([creator, nonce])); a contract's nonce begins at 1, and below 128 it is its own RLP.
    function _created(uint8 nonce) private view returns (address) {
        return address(uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), nonce)))));
    }
}
