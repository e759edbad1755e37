// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @notice Voting stake that anybody sets, counted as OpenZeppelin's Votes does. What was not delegated votes nowhere, but
/// is part of the total.
contract VotesMock is Votes {
    mapping(address account => uint256 nano) private _units;

    /// @notice Added to the clock: what it shows is wrong unless this is 0.
    uint48 public skew;

    constructor(uint48 skew_) EIP712("VotesMock", "1") {
        skew = skew_;
    }

    /// @notice Gives an account so many votes of its own from this second on.
    function setVotes(address account, uint256 nano) external {
        if (delegates(account) != account) _delegate(account, account);
        setUnits(account, nano);
    }

    /// @notice The same without delegating.
    function setUnits(address account, uint256 nano) public {
        uint256 before = _units[account];
        _units[account] = nano;
        if (nano > before) _transferVotingUnits(address(0), account, nano - before);
        else _transferVotingUnits(account, address(0), before - nano);
    }

    /// @notice Moves what the caller has.
    function transfer(address to, uint256 nano) external {
        _units[msg.sender] -= nano;
        _units[to] += nano;
        _transferVotingUnits(msg.sender, to, nano);
    }

    function clock() public view override returns (uint48) {
        return uint48(block.timestamp) + skew;
    }

    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function _getVotingUnits(address account) internal view override returns (uint256) {
        return _units[account];
    }
}
