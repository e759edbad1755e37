// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Governed} from "../common/Governed.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {ProtocolTimes, ProtocolTimesLib} from "../common/ProtocolTimes.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {IStakeHub, SlashOrder} from "./IStakeHub.sol";

/// @notice The bond of one operator, in two slots.
struct Bond {
    // slot 0: 8 + 8 + 5 = 21 bytes
    uint64 activeNano; // answers for new debits
    uint64 leavingNano; // still slashable, answers for nothing new
    uint40 leavesAt; // Unix timestamp, seconds, from when the leaving part can be withdrawn
}

/// @title BondHub
/// @notice Self-bond of operators behind {IStakeHub}: deposit, leave after the unbonding time, lose it to the slasher. No
/// delegation, no rewards.
///
/// TRUST
/// @dev The slasher (the court) takes stake as it decides; governance can replace it behind its delay.
///
/// INVARIANTS
/// @dev token.balanceOf(this) >= sum of active and leaving bonds. What leaves stays slashable until it is withdrawn.
contract BondHub is IStakeHub, Governed {
    using SafeERC20 for IERC20;

    event SlasherSet(address indexed slasher);
    event Bonded(uint32 indexed operator, address indexed from, uint64 amountNano);
    event UnbondRequested(uint32 indexed operator, uint64 amountNano, uint40 leavesAt);
    event Unbonded(uint32 indexed operator, address indexed to, uint64 amountNano);

    error BondHub_UnknownOperator(uint32 operator);
    error BondHub_NotOwner(uint32 operator, address caller);
    error BondHub_TooMuch(uint32 operator, uint64 askedNano, uint64 activeNano);
    error BondHub_NotYet(uint32 operator, uint40 leavesAt);
    error BondHub_NothingLeaving(uint32 operator);
    error BondHub_NotDeployer(address caller);
    error BondHub_ZeroAmount();
    error BondHub_NoReserve();
    error BondHub_NoSlasher();

    IERC20 public immutable token;
    INodeRegistry public immutable nodes;
    /// @notice Gets what a slash takes beyond harmed and reporter.
    address public immutable reserve;
    /// @notice In seconds.
    uint32 public immutable unbonding;
    address internal immutable _deployer;

    /// @notice The only address that slashes.
    address public slasher;

    mapping(uint32 operator => Bond) internal _bonds;
    mapping(bytes32 evidenceId => bool) public evidenceUsed;

    constructor(
        IERC20 token_,
        INodeRegistry nodes_,
        ProtocolTimes memory times,
        address governance_,
        address guardian_,
        address reserve_
    ) Governed(governance_, guardian_, times.parameterDelay) {
        ProtocolTimesLib.check(times);
        // Without one every slash with a remainder would revert.
        if (reserve_ == address(0)) revert BondHub_NoReserve();
        token = token_;
        nodes = nodes_;
        reserve = reserve_;
        unbonding = times.unbonding;
        _deployer = msg.sender;
    }

    /// @notice Names the slasher: the deployer once, governance from then on.
    function setSlasher(address slasher_) external {
        // None at all would make the next one the deployer's to name.
        if (slasher_ == address(0)) revert BondHub_NoSlasher();
        if (slasher == address(0)) {
            if (msg.sender != _deployer) revert BondHub_NotDeployer(msg.sender);
        } else {
            _onlyGovernance();
        }
        slasher = slasher_;
        emit SlasherSet(slasher_);
    }

    /* OPERATOR */

    /// @notice Adds to the bond of an operator; anybody may pay.
    function bond(uint32 operator, uint64 amountNano) external {
        if (nodes.ownerOf(operator) == address(0)) revert BondHub_UnknownOperator(operator);
        if (amountNano == 0) revert BondHub_ZeroAmount();
        _bonds[operator].activeNano += amountNano;
        emit Bonded(operator, msg.sender, amountNano);
        token.safeTransferFrom(msg.sender, address(this), amountNano * WEI_PER_NANO);
    }

    /// @notice Takes a part out of the active bond. It can be withdrawn after the unbonding time and is slashable until
    /// then; a further request restarts the time for all that leaves. Owner of the operator only.
    function requestUnbond(uint32 operator, uint64 amountNano) external {
        _checkOwner(operator);
        if (amountNano == 0) revert BondHub_ZeroAmount();
        Bond storage current = _bonds[operator];
        if (amountNano > current.activeNano) revert BondHub_TooMuch(operator, amountNano, current.activeNano);
        current.activeNano -= amountNano;
        current.leavingNano += amountNano;
        current.leavesAt = uint40(block.timestamp) + unbonding;
        emit UnbondRequested(operator, amountNano, current.leavesAt);
    }

    /// @notice Pays out what has left, to the owner of the operator; anybody may call.
    function withdraw(uint32 operator) external {
        Bond storage current = _bonds[operator];
        uint64 amountNano = current.leavingNano;
        if (amountNano == 0) revert BondHub_NothingLeaving(operator);
        if (block.timestamp < current.leavesAt) revert BondHub_NotYet(operator, current.leavesAt);
        current.leavingNano = 0;
        address to = nodes.ownerOf(operator);
        emit Unbonded(operator, to, amountNano);
        token.safeTransfer(to, amountNano * WEI_PER_NANO);
    }

    /* SLASHER */

    /// @inheritdoc IStakeHub
    function slash(SlashOrder calldata order) external returns (uint64 takenNano, uint64 paidNano) {
        if (msg.sender != slasher) revert StakeHub_NotSlasher(msg.sender, slasher);
        if (evidenceUsed[order.evidenceId]) revert StakeHub_EvidenceUsed(order.evidenceId);
        evidenceUsed[order.evidenceId] = true;

        Bond storage current = _bonds[order.operator];
        uint64 fromActive = _min(order.amountNano, current.activeNano);
        uint64 fromLeaving = _min(order.amountNano - fromActive, current.leavingNano);
        current.activeNano -= fromActive;
        current.leavingNano -= fromLeaving;

        takenNano = fromActive + fromLeaving;
        paidNano = _min(takenNano, order.harmedNano);
        uint64 reporterNano = _min(takenNano - paidNano, order.reporterNano);
        emit Slashed(order.operator, order.evidenceId, takenNano, paidNano, reporterNano);

        _pay(order.harmed, paidNano);
        _pay(order.reporter, reporterNano);
        _pay(reserve, takenNano - paidNano - reporterNano);
    }

    /* VIEWS */

    /// @inheritdoc IStakeHub
    function effectiveStake(uint32 operator) external view returns (uint64) {
        return _bonds[operator].activeNano;
    }

    /// @inheritdoc IStakeHub
    function slashableStake(uint32 operator) external view returns (uint64) {
        Bond memory current = _bonds[operator];
        return current.activeNano + current.leavingNano;
    }

    function getBond(uint32 operator) external view returns (Bond memory) {
        return _bonds[operator];
    }

    /* INTERNAL */

    function _pay(address to, uint64 amountNano) internal {
        if (amountNano != 0) token.safeTransfer(to, amountNano * WEI_PER_NANO);
    }

    function _checkOwner(uint32 operator) internal view {
        if (nodes.ownerOf(operator) != msg.sender) revert BondHub_NotOwner(operator, msg.sender);
    }

    function _min(uint64 a, uint64 b) internal pure returns (uint64) {
        return a < b ? a : b;
    }
}
