// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What {Governed} reads from the timelock.
interface ITimelockDelay {
    function getMinDelay() external view returns (uint256 seconds_);
}

/// @title Governed
/// @notice Two roles and no more: governance (a timelock) adds, the guardian only removes. Adding trust waits, removing
/// trust does not.
///
/// TRUST
/// @dev `governance` is a {ProtocolTimelock}, whose delay has an immutable floor. A governed call is refused while the delay
/// is below `parameterDelay`, so that a wrong timelock governs nothing. The guardian is one key or multisig; what it can do at
/// worst is to remove or to pause.
abstract contract Governed {
    /// @notice Emitted when the guardian was replaced; zero means that there is none.
    event GuardianSet(address indexed guardian);

    /// @notice Thrown when the caller is not the timelock.
    error Governed_NotGovernance(address caller, address governance);
    /// @notice Thrown when the caller is neither the guardian nor the timelock.
    error Governed_NotGuardian(address caller, address guardian);
    /// @notice Thrown when the timelock's delay, in seconds, is below the immutable bound.
    error Governed_DelayTooShort(uint256 delay, uint256 bound);

    /// @notice The timelock that owns every parameter.
    address public immutable governance;

    /// @notice Least delay of the timelock, in seconds.
    uint32 public immutable parameterDelay;

    /// @notice The key that may remove at once.
    address public guardian;

    modifier onlyGovernance() {
        _onlyGovernance();
        _;
    }

    modifier onlyGuardian() {
        _onlyGuardian();
        _;
    }

    constructor(address governance_, address guardian_, uint32 parameterDelay_) {
        governance = governance_;
        parameterDelay = parameterDelay_;
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    /// @notice Replaces the guardian; governance only.
    function setGuardian(address guardian_) external onlyGovernance {
        guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    function _onlyGovernance() internal view {
        if (msg.sender != governance) revert Governed_NotGovernance(msg.sender, governance);
        uint256 delay = ITimelockDelay(governance).getMinDelay();
        if (delay < parameterDelay) revert Governed_DelayTooShort(delay, parameterDelay);
    }

    /// @dev Governance may do whatever the guardian may.
    function _onlyGuardian() internal view {
        if (msg.sender == guardian) return;
        if (msg.sender != governance) revert Governed_NotGuardian(msg.sender, guardian);
    }
}
