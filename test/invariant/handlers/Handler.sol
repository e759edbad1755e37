// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProtocolTimes} from "../../../contracts/common/ProtocolTimes.sol";
import {VM} from "../../helpers/Vm.sol";

/// @title Handler
/// @notice What every handler needs: random numbers, calls in other names, contracts that were compiled apart.
abstract contract Handler {
    uint32 internal constant PARAMETER_DELAY = 4_200;

    /// @dev The time, in seconds. `block.timestamp` is no use here: the compiler takes it for constant within a call.
    uint256 internal clock = 1_800_000_000;
    mapping(bytes32 action => uint256) internal succeeded;

    /// @notice Thrown when a call that must be refused went through, or was refused for another reason.
    error WrongOutcome(bool ok, bytes4 expected, bytes reason);

    /// @notice As a timelock has it.
    function getMinDelay() external pure returns (uint256) {
        return PARAMETER_DELAY;
    }

    function _passTime(uint256 seconds_) internal {
        clock += seconds_;
        VM.warp(clock);
    }

    /// @dev A number below `limit`, which is not 0.
    function _draw(uint256 seed, bytes32 what, uint256 limit) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, what))) % limit;
    }

    function _mustSucceed(address by, address target, bytes memory data) internal returns (bytes memory result) {
        bool ok;
        VM.prank(by);
        (ok, result) = target.call(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    function _mustRevert(address by, address target, bytes memory data, bytes4 expected) internal {
        VM.prank(by);
        (bool ok, bytes memory reason) = target.call(data);
        if (ok || bytes4(reason) != expected) revert WrongOutcome(ok, expected, reason);
    }

    /// @dev The values of a local chain.
    function _times() internal pure returns (ProtocolTimes memory) {
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
                stakeActivation: 2_400,
                unbonding: 3_600,
                parameterDelay: PARAMETER_DELAY
            });
    }

    function _create(string memory name, bytes memory arguments) internal returns (address created) {
        bytes memory code = bytes.concat(VM.getCode(name), arguments);
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), name);
    }
}
