// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @notice Cumulative claims against a plain Merkle root of OpenZeppelin's `StandardMerkleTree` shape, with nothing that keeps a
/// root within what was funded: what a claim of {EpochRewards} is compared with.
contract PlainRewards {
    using SafeERC20 for IERC20;

    event Claimed(address indexed account, uint256 cumulativeWei);

    error PlainRewards_BadProof();
    error PlainRewards_NothingDue();

    IERC20 public immutable token;
    bytes32 public root;
    mapping(address account => uint256 cumulativeWei) public claimed;

    constructor(IERC20 token_) {
        token = token_;
    }

    function setRoot(bytes32 root_) external {
        root = root_;
    }

    function claim(address account, uint256 cumulativeWei, bytes32[] calldata proof) external {
        bytes32 leaf = keccak256(abi.encode(keccak256(abi.encode(account, cumulativeWei))));
        if (!MerkleProof.verifyCalldata(proof, root, leaf)) revert PlainRewards_BadProof();
        uint256 before = claimed[account];
        if (cumulativeWei <= before) revert PlainRewards_NothingDue();
        claimed[account] = cumulativeWei;
        emit Claimed(account, cumulativeWei);
        token.safeTransfer(account, cumulativeWei - before);
    }
}
