// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ProtocolTimes} from "../../../contracts/common/ProtocolTimes.sol";
import {INodeRegistry} from "../../../contracts/registry/INodeRegistry.sol";
import {Limits, Position} from "../../../contracts/staking/StakeTypes.sol";
import {IStakeBooks} from "../../helpers/interfaces.sol";
import {VM} from "../../helpers/Vm.sol";

/// @title StakingState
/// @notice A hub with two operators, four delegators and three accounts that an operator can be handed to. This contract is
/// slasher, timelock and payer.
abstract contract StakingState {
    uint32 internal constant OPERATORS = 2;
    uint256 internal constant HOLDERS = 4;
    uint256 internal constant OWNERS = 5; // two of them own an operator at any time
    uint256 internal constant EPOCH = 300;
    uint256 internal constant UNBONDING = 3_600;
    uint256 internal constant PERIOD = UNBONDING / 14;
    uint256 internal constant ACTIVATION = 2_400;
    address internal constant RESERVE = address(0x800);

    IERC20 internal immutable opg;
    INodeRegistry internal immutable nodes;
    IStakeBooks internal immutable hub;

    /// @dev The time, in seconds. `block.timestamp` is no use here: the compiler takes it for constant within a call.
    uint256 internal clock = 1_800_000_000;
    /// @dev What came in, less what was paid out, by what was done.
    uint256 internal balanceNano;
    uint256 internal evidences;
    /// @dev Epochs in which something of an operator may join, periods in which something may have left.
    mapping(uint32 operator => uint256[]) internal epochs;
    mapping(uint32 operator => uint256[]) internal periods;
    /// @dev Shares that a delegator votes with: those it had when it acted last.
    mapping(uint32 operator => mapping(address holder => uint256)) internal votingShares;
    mapping(bytes32 action => uint256) internal succeeded;

    /// @notice Thrown when a call that must be refused went through, or was refused for another reason.
    error WrongOutcome(bool ok, bytes4 expected, bytes reason);

    constructor() {
        VM.warp(clock);
        uint256[2][] memory allocations = new uint256[2][](1);
        allocations[0] = [uint256(uint160(address(this))), 1e27];
        opg = IERC20(_create("OPG", abi.encode(allocations)));
        nodes = INodeRegistry(_create("NodeRegistry", ""));
        Limits memory limits = Limits(100_000, 250_000, 8, 200_000);
        bytes memory arguments = abi.encode(opg, nodes, _times(), uint32(EPOCH), limits, this, this, RESERVE);
        hub = IStakeBooks(_create("StakeHub", arguments));
        hub.setSlasher(address(this));
        opg.approve(address(hub), type(uint256).max);
        for (uint256 i; i < HOLDERS; ++i) {
            opg.transfer(_holder(i), 1e25);
            VM.prank(_holder(i));
            opg.approve(address(hub), type(uint256).max);
        }
        for (uint256 i; i < OPERATORS; ++i) {
            VM.prank(_owner(i));
            nodes.registerOperator();
        }
    }

    /// @notice As a timelock has it.
    function getMinDelay() external pure returns (uint256) {
        return 4_200;
    }

    function _times() private pure returns (ProtocolTimes memory) {
        return
            ProtocolTimes({
                claimHorizon: 600,
                answerTime: 300,
                longestDispute: 1_800,
                auditTimeout: 600,
                earningsDelay: 1_200,
                releaseDelay: 1_800,
                settleLag: 600,
                maxPause: 600,
                pauseInterval: 4_200,
                measurementDelay: 2_400,
                stakeActivation: uint32(ACTIVATION),
                unbonding: uint32(UNBONDING),
                parameterDelay: 4_200
            });
    }

    /* HELP */

    function _holder(uint256 i) internal pure returns (address) {
        return address(uint160(0xa00 + i));
    }

    function _owner(uint256 i) internal pure returns (address) {
        return address(uint160(0xb00 + i));
    }

    /// @dev A number below `limit`, which is not 0.
    function _draw(uint256 seed, bytes32 what, uint256 limit) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what))) % limit;
    }

    function _operator(uint256 seed) internal pure returns (uint32) {
        return uint32(1 + _draw(seed, "operator", OPERATORS));
    }

    /// @dev From a nano to a hundred thousand OPG.
    function _amount(uint256 seed) internal pure returns (uint64) {
        return uint64(1 + _draw(seed, "amount", 10 ** (1 + _draw(seed, "size", 14))));
    }

    function _noteOnce(uint256[] storage list, uint256 value) internal {
        if (list.length == 0 || list[list.length - 1] != value) list.push(value);
    }

    /// @dev After what a holder did itself. The pool is rolled.
    function _noteVotes(uint32 operator, address holder) internal {
        (Position memory position, ) = hub.getPosition(operator, holder);
        votingShares[operator][holder] = position.voting ? position.shares : 0;
    }

    function _mustSucceed(address by, bytes memory data) internal returns (bytes memory result) {
        bool ok;
        VM.prank(by);
        (ok, result) = address(hub).call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    function _mustRevert(address by, bytes memory data, bytes4 expected) internal {
        VM.prank(by);
        (bool ok, bytes memory reason) = address(hub).call(data);
        if (ok || bytes4(reason) != expected) revert WrongOutcome(ok, expected, reason);
    }

    function _create(string memory name, bytes memory arguments) private returns (address created) {
        bytes memory code = bytes.concat(VM.getCode(name), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), name);
    }
}
