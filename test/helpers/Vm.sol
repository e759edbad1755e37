// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice The cheatcodes that the tests use.
interface Vm {
    /// @dev The next call comes from `sender`.
    function prank(address sender) external;

    function warp(uint256 time) external;

    function roll(uint256 number) external;

    function assume(bool condition) external pure;

    function addr(uint256 privateKey) external pure returns (address);

    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);

    /// @dev As ERC-2098 has it.
    function signCompact(uint256 privateKey, bytes32 digest) external pure returns (bytes32 r, bytes32 vs);

    /// @dev Creation code that was compiled apart: a test that says `new` contains the contract and compiles it again.
    function getCode(string calldata artifact) external view returns (bytes memory);
}

Vm constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
