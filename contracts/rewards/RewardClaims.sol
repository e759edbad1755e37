// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {ActiveRoot} from "./ActiveRoot.sol";
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

    /// @dev A struct, because a reference to it spares a hash a claim.
    struct Account {
        uint256 claimedWei;
    }

    IERC20 public immutable token;

    ActiveRoot internal _active;
    Books internal _books;

    mapping(address account => Account) internal _accounts;

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
        (address account, uint256 cumulativeWei) = (leaf.account, leaf.cumulativeWei);
        uint256 totalWei = _checkActive(active, version, leaf, cumulativeWei, proof);
        amountWei = _record(account, cumulativeWei);
        if (amountWei == 0) revert Rewards_NothingDue(account, cumulativeWei, claimed(account));
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
            uint256 cumulativeWei = leaves[i].cumulativeWei;
            totalWei = _checkActive(active, version, leaves[i], cumulativeWei, proofs[i]);
            amountsWei[i] = _record(leaves[i].account, cumulativeWei);
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
    function claimed(address account) public view returns (uint256) {
        return _accounts[account].claimedWei;
    }

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
    /// @param cumulativeWei The leaf's: callers have read it.
    /// @return totalWei Of the active root: the commitment binds it.
    function _checkActive(
        ActiveRoot active,
        RootVersion version,
        Leaf calldata leaf,
        uint256 cumulativeWei,
        bytes calldata proof
    ) internal view returns (uint256 totalWei) {
        (uint32 epoch, uint32 leafCount) = SumTree.split(version);
        SumTree.checkShape(leafCount, leaf.index, proof);
        bytes32 root;
        (root, totalWei) = SumTree.climb(SumTree.leafHash(epoch, leaf), cumulativeWei, leaf.index, proof);
        bytes32 given = SumTree.commitment(version, root, totalWei);
        if (!active.isOf(given)) revert Rewards_NotActive(bytes24(given), active.commitment());
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

    /// @return amountWei What is due now, which the caller pays; 0 if nothing is.
    function _record(address account, uint256 cumulativeWei) private returns (uint256 amountWei) {
        Account storage record = _accounts[account];
        uint256 before = record.claimedWei;
        if (cumulativeWei <= before) return 0;
        if (cumulativeWei % WEI_PER_NANO != 0) revert Rewards_NotWholeNano(cumulativeWei);
        record.claimedWei = cumulativeWei;
        emit Claimed(account, cumulativeWei);
        unchecked {
            return cumulativeWei - before; // compared above
        }
    }

    /// @dev Counts a payment under the active root, and keeps all of them within its total.
    function _pay(ActiveRoot active, uint256 amountWei, uint256 totalWei) private {
        unchecked {
            uint256 amountNano = amountWei / WEI_PER_NANO; // of a uint96, so below 2^67
            uint256 paidNano = active.paidNano() + amountNano;
            if (paidNano > totalWei / WEI_PER_NANO) revert Rewards_TotalExceeded(paidNano, totalWei / WEI_PER_NANO);
            _active = active.plus(amountNano);
        }
    }
}
