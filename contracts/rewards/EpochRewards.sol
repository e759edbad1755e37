// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {Governed} from "../common/Governed.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {
    EpochRoot,
    Fault,
    Former,
    IEpochRewards,
    Pending,
    Posting,
    RewardParameters,
    Witness
} from "./IEpochRewards.sol";
import {RewardClaims} from "./RewardClaims.sol";
import {RootLife} from "./RootLife.sol";
import {Placed, SortedTree} from "./SortedTree.sol";
import {Leaf, Node, SumTree} from "./SumTree.sol";

/// @notice What {EpochRewards} is deployed with.
struct RewardSetup {
    IERC20 token;
    INodeRegistry nodes;
    ITeeRegistry teeRegistry;
    address reserve;
    address governance;
    uint32 parameterDelay; // least delay of the timelock, in seconds
    uint32 leastWindow; // in seconds
    uint64 leastBondNano;
    RewardParameters parameters;
}

/// @title EpochRewards
/// @notice Faults of a pending root that anybody can show, without a judge. See {IEpochRewards}.
///
/// INVARIANTS
/// @dev No sequence of calls refutes a root that is the tree of accounts in ascending order, each once, none of the active root
/// missing or with less, with receipts of the receipts root: what each function asks for does not exist there.
contract EpochRewards is RootLife {
    constructor(
        RewardSetup memory setup
    )
        EIP712("OPG EpochRewards", "1")
        Governed(setup.governance, address(0), setup.parameterDelay)
        RewardClaims(setup.token)
        RootLife(
            setup.nodes,
            setup.teeRegistry,
            setup.reserve,
            setup.leastWindow,
            setup.leastBondNano,
            setup.parameters
        )
    {}

    /// @inheritdoc IEpochRewards
    function refuteOrder(Posting calldata posting, Witness calldata first, Witness calldata second) external {
        Pending memory pending = _open(posting);
        _checkWitness(posting.content, first);
        _checkWitness(posting.content, second);
        bool before = first.leaf.index < second.leaf.index;
        if (!before || first.leaf.account < second.leaf.account) revert Rewards_NoFault(Fault.ORDER);
        _refute(posting, pending, Fault.ORDER, msg.sender);
    }

    /// @inheritdoc IEpochRewards
    function refuteOmission(
        Posting calldata posting,
        Former calldata former,
        uint32 gap,
        Witness calldata left,
        Witness calldata right
    ) external {
        Pending memory pending = _open(posting);
        _checkFormer(former);
        address account = former.witness.leaf.account;
        uint32 count = posting.content.leafCount;
        bool between = gap <= count;
        if (gap != 0) {
            _checkWitness(posting.content, left);
            _checkNeighbour(left.leaf.index, gap - 1);
            between = between && left.leaf.account < account;
        }
        if (gap != count) {
            _checkWitness(posting.content, right);
            _checkNeighbour(right.leaf.index, gap);
            between = between && account < right.leaf.account;
        }
        if (!between) revert Rewards_NoFault(Fault.OMISSION);
        _refute(posting, pending, Fault.OMISSION, msg.sender);
    }

    /// @inheritdoc IEpochRewards
    function refuteDecrease(Posting calldata posting, Former calldata former, Witness calldata witness) external {
        Pending memory pending = _open(posting);
        _checkFormer(former);
        _checkWitness(posting.content, witness);
        bool same = former.witness.leaf.account == witness.leaf.account;
        if (!same || witness.leaf.cumulativeWei >= former.witness.leaf.cumulativeWei) {
            revert Rewards_NoFault(Fault.DECREASE);
        }
        _refute(posting, pending, Fault.DECREASE, msg.sender);
    }

    /// @inheritdoc IEpochRewards
    function refuteNode(
        Posting calldata posting,
        uint8 level,
        uint32 position,
        Node calldata node,
        uint96 statedWei,
        bytes calldata proof
    ) external {
        Pending memory pending = _open(posting);
        _checkPlace(posting.content, level, position, SumTree.nodeHash(node), statedWei, proof);
        uint256 sumWei = uint256(node.leftSumWei) + node.rightSumWei;
        if (level != 0 && sumWei == statedWei) revert Rewards_NoFault(Fault.SUM);
        _refute(posting, pending, level == 0 ? Fault.SHAPE : Fault.SUM, msg.sender);
    }

    /// @inheritdoc IEpochRewards
    function refuteLeaf(
        Posting calldata posting,
        uint8 level,
        uint32 position,
        Leaf calldata leaf,
        uint96 statedWei,
        bytes calldata proof
    ) external {
        Pending memory pending = _open(posting);
        EpochRoot calldata content = posting.content;
        _checkPlace(content, level, position, SumTree.leafHash(content.epoch, leaf), statedWei, proof);
        bool misplaced = level != 0 || position != leaf.index || leaf.cumulativeWei % WEI_PER_NANO != 0;
        if (!misplaced && leaf.cumulativeWei == statedWei) revert Rewards_NoFault(Fault.SUM);
        _refute(posting, pending, misplaced ? Fault.SHAPE : Fault.SUM, msg.sender);
    }

    /// @inheritdoc IEpochRewards
    function refutePadding(
        Posting calldata posting,
        uint32 position,
        bytes32 hash,
        uint96 sumWei,
        bytes calldata proof
    ) external {
        Pending memory pending = _open(posting);
        _checkPlace(posting.content, 0, position, hash, sumWei, proof);
        bool fault = position < posting.content.leafCount ? hash == 0 : hash != 0 || sumWei != 0;
        if (!fault) revert Rewards_NoFault(Fault.SHAPE);
        _refute(posting, pending, Fault.SHAPE, msg.sender);
    }

    /// @inheritdoc IEpochRewards
    function refuteReceipts(
        Posting calldata posting,
        Witness calldata witness,
        uint32 count,
        uint32 gap,
        Placed calldata left,
        Placed calldata right
    ) external {
        Pending memory pending = _open(posting);
        _checkWitness(posting.content, witness);
        bytes32 hash = witness.leaf.receiptsHash;
        bytes32 receiptsRoot = posting.content.receiptsRoot;
        bool between = count != 0 && gap <= count;
        if (gap != 0) {
            SortedTree.check(receiptsRoot, count, left);
            _checkNeighbour(left.index, gap - 1);
            between = between && left.hash < hash;
        }
        if (gap != count) {
            SortedTree.check(receiptsRoot, count, right);
            _checkNeighbour(right.index, gap);
            between = between && hash < right.hash;
        }
        if (!between) revert Rewards_NoFault(Fault.RECEIPTS);
        _refute(posting, pending, Fault.RECEIPTS, msg.sender);
    }

    /* INTERNAL */

    /// @dev Reverts unless the leaf stands in the pending root.
    function _checkWitness(EpochRoot calldata content, Witness calldata witness) internal view {
        Leaf calldata leaf = witness.leaf;
        SumTree.checkShape(content.leafCount, leaf.index, witness.proof);
        bytes32 hash = SumTree.leafHash(content.epoch, leaf);
        _checkRoot(content, hash, leaf.cumulativeWei, leaf.index, witness.proof);
    }

    /// @dev Reverts unless the leaf stands in the active root.
    function _checkFormer(Former calldata former) internal view {
        Witness calldata witness = former.witness;
        _checkActive(_active, former.version, witness.leaf, witness.leaf.cumulativeWei, witness.proof);
    }

    /// @dev Reverts unless the node stands at that place of the pending root.
    function _checkPlace(
        EpochRoot calldata content,
        uint8 level,
        uint32 position,
        bytes32 hash,
        uint96 sumWei,
        bytes calldata proof
    ) internal pure {
        uint256 depth = SumTree.depthOf(content.leafCount);
        if (level > depth || proof.length != 44 * (depth - level)) {
            revert SumTree.SumTree_WrongProofLength(proof.length, depth);
        }
        uint256 width = 1 << (depth - level);
        if (position >= width) revert SumTree.SumTree_IndexTooHigh(position, width);
        _checkRoot(content, hash, sumWei, position, proof);
    }

    function _checkRoot(
        EpochRoot calldata content,
        bytes32 hash,
        uint256 sumWei,
        uint256 position,
        bytes calldata proof
    ) internal pure {
        (bytes32 root, uint256 totalWei) = SumTree.climb(hash, sumWei, position, proof);
        if (root != content.root || totalWei != content.totalWei) revert Rewards_NotInRoot(root, totalWei);
    }

    function _checkNeighbour(uint32 index, uint32 expected) internal pure {
        if (index != expected) revert Rewards_WrongNeighbour(index, expected);
    }
}
