// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ISettlement} from "../../contracts/settlement/ISettlement.sol";
import {IStakeHub} from "../../contracts/staking/IStakeHub.sol";
import {IStakePools} from "../../contracts/staking/IStakePools.sol";
import {Bond, Bucket, Join, Limits, Pool, Position, Stake} from "../../contracts/staking/StakeTypes.sol";
import {GrantState} from "../../contracts/vesting/IVestVault.sol";
import {GrantId} from "../../contracts/vesting/VestBook.sol";

// Tests import interfaces and not contracts: whatever a test imports is compiled with it once more.

interface IToken is IERC20, IERC20Permit {}

interface IStakeBooks is IStakeHub, IStakePools {
    function setSlasher(address slasher) external;

    function setLimits(Limits calldata limits) external;

    function bond(uint32 operator, uint64 amountNano) external;

    function delegateTo(uint32 operator, uint64 amountNano) external;

    function cancelBond(uint32 operator) external;

    function cancelDelegation(uint32 operator) external;

    function roll(uint32 operator) external;

    function requestUnbond(uint32 operator, uint64 amountNano) external;

    function undelegate(uint32 operator, uint256 shares, uint64 leastNano) external;

    function withdrawBond(uint32 operator, uint256 period) external;

    function withdraw(uint32 operator, address holder, uint256 period) external;

    function reward(uint32 operator, uint64 amountNano) external;

    function setVoting(uint32 operator, bool voting) external;

    function setBondVoting(uint32 operator, bool voting) external;

    function getVotes(address holder) external view returns (uint256);

    function getPastVotes(address holder, uint256 timepoint) external view returns (uint256);

    function getPastTotalSupply(uint256 timepoint) external view returns (uint256);

    function getStake(uint32 operator) external view returns (Stake memory);

    function getBond(uint32 operator) external view returns (Bond memory);

    function getBondJoin(uint32 operator, uint256 epoch) external view returns (uint256 nano);

    function getBondBucket(uint32 operator, uint256 period) external view returns (uint256 nano);

    function getPool(uint32 operator) external view returns (Pool memory);

    function getPosition(
        uint32 operator,
        address holder
    ) external view returns (Position memory position, uint256 worthNano);

    function getJoin(uint32 operator, uint256 epoch) external view returns (Join memory);

    function getBucket(uint32 operator, uint256 period) external view returns (Bucket memory);

    function getLeaving(uint32 operator, address holder, uint256 period) external view returns (uint256 shares);
}

interface ISettlementBooks is ISettlement {
    function seizedNano() external view returns (uint64);
}

/// @notice As {Allocation} beside OPG.
struct Part {
    address to;
    uint256 amountWei;
}

interface ITokenLaunch {
    function launch(bytes calldata file, uint256 lockedWei, Part[] calldata liquid) external;

    function opg() external view returns (address);

    function vault() external view returns (address);
}

interface IScheduleLens {
    function tableHash() external view returns (bytes32);

    function unlockedNow() external view returns (uint256 timestamp, uint256 unlockedWei);

    function claimable(uint256 from, uint256 to) external view returns (uint256[] memory page);

    function solvency() external view returns (int256);

    function stateOf(GrantId id) external view returns (GrantState memory);

    function beneficiaryOf(GrantId id) external view returns (address);
}

interface IBudget {
    error EmissionBudget_ConsumerStands(address consumer);

    function setConsumer(address consumer) external;

    function claim(GrantId[] calldata ids) external;

    function forward() external returns (uint256 amountWei);

    function forwardedWei() external view returns (uint256);
}
