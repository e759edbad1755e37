// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {ActiveRoot, ActiveRootLib} from "./ActiveRoot.sol";
import {Books, IEpochRewards} from "./IEpochRewards.sol";
import {Leaf, RootVersion, SumTree} from "./SumTree.sol";

/// @title RewardClaims
/// @notice The money of {IEpochRewards}: what came in, what may be promised, what was paid.
///
/// TOKEN
/// @dev OPG: a transfer moves exactly the amount asked and calls nobody.
///
/// INVARIANTS
/// @dev paid <= total of the active root <= funded, and token.balanceOf(this) >= funded - paid + held. Each claim checks the first:
/// its sum is the total of the active root.
abstract contract RewardClaims is IEpochRewards {
    using SafeERC20 for IERC20;

    IERC20 public immutable token;

    ActiveRoot internal _active;
    Books internal _books;

    /// @inheritdoc IEpochRewards
    mapping(address account => uint256) public claimed;

    /// @inheritdoc IEpochRewards
    mapping(address account => uint64) public depositOf;

    constructor(IERC20 token_) {
        token = token_;
    }

    /* MONEY */

    /// @inheritdoc IEpochRewards
    function sync() external returns (uint64 amountNano) {
        Books memory books = _books;
        uint256 balanceWei = token.balanceOf(address(this));
        uint256 bookedWei = (uint256(books.fundedNano) + books.heldNano - _active.paidNano()) * WEI_PER_NANO;
        if (balanceWei < bookedWei) revert Rewards_BalanceShort(balanceWei, bookedWei);
        // The supply is 1e18 nano.
        amountNano = uint64((balanceWei - bookedWei) / WEI_PER_NANO);
        if (amountNano == 0) return 0;
        _books.fundedNano = books.fundedNano + amountNano;
        emit Funded(amountNano, books.fundedNano + amountNano);
    }

    /// @inheritdoc IEpochRewards
    function deposit(uint64 amountNano) external {
        if (amountNano == 0) revert Rewards_ZeroAmount();
        depositOf[msg.sender] += amountNano;
        _books.heldNano += amountNano;
        emit Deposited(msg.sender, amountNano);
        token.safeTransferFrom(msg.sender, address(this), amountNano * WEI_PER_NANO);
    }

    /// @inheritdoc IEpochRewards
    function withdraw(uint64 amountNano) external {
        if (amountNano == 0) revert Rewards_ZeroAmount();
        _takeDeposit(msg.sender, amountNano);
        emit Withdrawn(msg.sender, amountNano);
        _payOut(msg.sender, amountNano);
    }

    /* CLAIMS */

    /// @inheritdoc IEpochRewards
    function claim(RootVersion version, Leaf calldata leaf, bytes calldata proof) external returns (uint256 amountWei) {
        ActiveRoot active = _active;
        uint256 totalWei = _checkActive(active, version, leaf, proof);
        (address account, uint256 cumulativeWei) = (leaf.account, leaf.cumulativeWei);
        uint256 before = claimed[account];
        if (cumulativeWei <= before) revert Rewards_NothingDue(account, cumulativeWei, before);
        amountWei = _record(account, cumulativeWei, before);
        _pay(active, amountWei, totalWei);
        token.safeTransfer(account, amountWei);
    }

    /// @inheritdoc IEpochRewards
    function claimMany(
        RootVersion version,
        Leaf[] calldata leaves,
        bytes[] calldata proofs
    ) external returns (uint256 amountWei) {
        if (leaves.length != proofs.length) revert Rewards_LengthsDiffer(leaves.length, proofs.length);
        ActiveRoot active = _active;
        uint256[] memory amountsWei = new uint256[](leaves.length);
        uint256 totalWei;
        for (uint256 i; i < leaves.length; ++i) {
            totalWei = _checkActive(active, version, leaves[i], proofs[i]);
            (address account, uint256 cumulativeWei) = (leaves[i].account, leaves[i].cumulativeWei);
            uint256 before = claimed[account];
            if (cumulativeWei <= before) continue;
            amountsWei[i] = _record(account, cumulativeWei, before);
            amountWei += amountsWei[i];
        }
        if (amountWei == 0) return 0;
        _pay(active, amountWei, totalWei);
        for (uint256 i; i < leaves.length; ++i) {
            if (amountsWei[i] != 0) token.safeTransfer(leaves[i].account, amountsWei[i]);
        }
    }

    /* VIEWS */

    /// @inheritdoc IEpochRewards
    function getActive() external view returns (bytes24 commitment, uint64 paidNano) {
        return (_active.commitment(), _active.paidNano());
    }

    /// @inheritdoc IEpochRewards
    function getBooks() external view returns (Books memory) {
        return _books;
    }

    /// @inheritdoc IEpochRewards
    function unpromisedNano() external view returns (uint64) {
        return _books.fundedNano - _books.promisedNano;
    }

    /* INTERNAL */

    /// @dev Reverts unless the leaf stands in the active root.
    /// @return totalWei Of the active root: the commitment binds it.
    function _checkActive(
        ActiveRoot active,
        RootVersion version,
        Leaf calldata leaf,
        bytes calldata proof
    ) internal view returns (uint256 totalWei) {
        (uint32 epoch, uint32 leafCount) = SumTree.split(version);
        SumTree.checkShape(leafCount, leaf.index, proof);
        bytes32 root;
        (root, totalWei) = SumTree.climb(SumTree.leafHash(epoch, leaf), leaf.cumulativeWei, leaf.index, proof);
        bytes24 given = SumTree.commitment(version, root, totalWei);
        if (given != active.commitment()) revert Rewards_NotActive(given, active.commitment());
    }

    function _takeDeposit(address account, uint64 amountNano) internal {
        uint64 deposited = depositOf[account];
        if (amountNano > deposited) revert Rewards_TooMuch(amountNano, deposited);
        depositOf[account] = deposited - amountNano;
    }

    /// @dev Pays what was held. Callers have taken it off its owner.
    function _payOut(address to, uint64 amountNano) internal {
        _books.heldNano -= amountNano;
        token.safeTransfer(to, amountNano * WEI_PER_NANO);
    }

    function _record(address account, uint256 cumulativeWei, uint256 before) private returns (uint256 amountWei) {
        if (cumulativeWei % WEI_PER_NANO != 0) revert Rewards_NotWholeNano(cumulativeWei);
        unchecked {
            // Callers have compared them.
            amountWei = cumulativeWei - before;
        }
        claimed[account] = cumulativeWei;
        emit Claimed(account, cumulativeWei);
    }

    /// @dev Counts a payment under the active root.
    function _pay(ActiveRoot active, uint256 amountWei, uint256 totalWei) private {
        unchecked {
            // Below 2^64 and below 2^96.
            uint256 paidNano = active.paidNano() + amountWei / WEI_PER_NANO;
            uint256 totalNano = totalWei / WEI_PER_NANO;
            if (paidNano > totalNano) revert Rewards_TotalExceeded(paidNano, totalNano);
            // At most the total, which is funded.
            _active = ActiveRootLib.pack(active.commitment(), uint64(paidNano));
        }
    }
}
