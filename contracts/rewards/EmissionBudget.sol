// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Governed} from "../common/Governed.sol";
import {IVestVault} from "../vesting/IVestVault.sol";
import {GrantId} from "../vesting/VestBook.sol";

/// @notice Where {TokenLaunch} puts what it launches.
interface ITokenLaunch {
    function opg() external view returns (address);

    function vault() external view returns (address);
}

/// @title EmissionBudget
/// @notice Beneficiary of the grants that rewards are paid from: a contract, so that nobody's key holds them, and rewards
/// can never outrun the published schedule. What it gets goes to one consumer, which is named once; a successor waits
/// out a delay in public.
///
/// TRUST
/// @dev Who deployed it names the first consumer, which a deployment does before it is announced; if that did not happen,
/// governance (a timelock) can. Governance alone names successors; the guardian can only drop one that waits. It cannot offer
/// its grants to anybody else: it has no function that does.
///
/// INVARIANTS
/// @dev token.balanceOf(this) + forwardedWei == everything it ever got.
contract EmissionBudget is Governed {
    using SafeERC20 for IERC20;

    event ConsumerSet(address indexed consumer);
    event SuccessorNamed(address indexed successor, uint64 from);
    event SuccessorDropped(address indexed successor);
    event Forwarded(address indexed consumer, uint256 amountWei);

    error EmissionBudget_ConsumerStands(address consumer);
    error EmissionBudget_NoConsumer();
    error EmissionBudget_NoSuccessor();
    error EmissionBudget_BadConsumer(address consumer);
    /// @notice Thrown before a successor's time; Unix timestamp, seconds.
    error EmissionBudget_NotYet(address successor, uint64 from);
    error EmissionBudget_DelayTooShort(uint32 delay, uint32 least);

    /// @notice OPG; it may be launched after this contract.
    IERC20 public immutable token;
    IVestVault public immutable vault;

    /// @notice Between the naming of a successor and its turn, in seconds, on top of the timelock's delay.
    uint32 public immutable successorDelay;

    address private immutable _deployer;

    /// @notice Gets everything; zero until it was named.
    address public consumer;
    /// @notice Waits; zero when nobody does.
    address public successor;
    /// @notice Unix timestamp, seconds, from when the successor can take over.
    uint64 public successorFrom;
    /// @notice Everything forwarded so far, in wei.
    uint256 public forwardedWei;

    /// @param launch Says where token and vault are or will be.
    /// @param successorDelay_ In seconds, at least `parameterDelay_`.
    constructor(
        ITokenLaunch launch,
        address governance_,
        address guardian_,
        uint32 parameterDelay_,
        uint32 successorDelay_
    ) Governed(governance_, guardian_, parameterDelay_) {
        if (successorDelay_ < parameterDelay_) revert EmissionBudget_DelayTooShort(successorDelay_, parameterDelay_);
        token = IERC20(launch.opg());
        vault = IVestVault(launch.vault());
        successorDelay = successorDelay_;
        _deployer = msg.sender;
    }

    /// @notice Claims what is due of some of its grants and forwards all it has. Anybody may call.
    /// @param ids Grants of this contract; another's are paid to their own beneficiary.
    function claim(GrantId[] calldata ids) external {
        vault.claimMany(ids);
        forward();
    }

    /// @notice Sends all it has to the consumer. Anybody may call; with nothing to send it does nothing.
    function forward() public returns (uint256 amountWei) {
        if (consumer == address(0)) revert EmissionBudget_NoConsumer();
        amountWei = token.balanceOf(address(this));
        if (amountWei == 0) return 0;
        forwardedWei += amountWei;
        emit Forwarded(consumer, amountWei);
        token.safeTransfer(consumer, amountWei);
    }

    /// @notice Names the first consumer, once: the deployer, or governance.
    function setConsumer(address consumer_) external {
        if (msg.sender != _deployer) _onlyGovernance();
        if (consumer != address(0)) revert EmissionBudget_ConsumerStands(consumer);
        _checkConsumer(consumer_);
        consumer = consumer_;
        emit ConsumerSet(consumer_);
    }

    /// @notice Names who follows the consumer after the delay; governance only. A new name starts the delay anew.
    function nameSuccessor(address successor_) external onlyGovernance {
        if (consumer == address(0)) revert EmissionBudget_NoConsumer();
        _checkConsumer(successor_);
        successor = successor_;
        successorFrom = uint64(block.timestamp) + successorDelay;
        emit SuccessorNamed(successor_, successorFrom);
    }

    /// @notice Drops the successor that waits; guardian or governance.
    function dropSuccessor() external onlyGuardian {
        address dropped = successor;
        if (dropped == address(0)) revert EmissionBudget_NoSuccessor();
        delete successor;
        delete successorFrom;
        emit SuccessorDropped(dropped);
    }

    /// @notice Makes the successor the consumer when its delay has passed. Anybody may call. What came in before goes to
    /// the former consumer.
    function acceptSuccessor() external {
        address next = successor;
        if (next == address(0)) revert EmissionBudget_NoSuccessor();
        if (block.timestamp < successorFrom) revert EmissionBudget_NotYet(next, successorFrom);
        forward();
        delete successor;
        delete successorFrom;
        consumer = next;
        emit ConsumerSet(next);
    }

    /// @dev A contract, so that no key can be meant, and none of those that would lose it. Code that begins with 0xef is a
    /// key's: EIP-7702 lets it borrow a contract's, EIP-3541 keeps contracts from beginning so.
    function _checkConsumer(address consumer_) private view {
        bool lost = consumer_ == address(this) || consumer_ == address(token) || consumer_ == address(vault);
        bytes memory code = consumer_.code;
        if (lost || code.length == 0 || code[0] == 0xef) revert EmissionBudget_BadConsumer(consumer_);
    }
}
