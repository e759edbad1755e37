// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerkleBatch} from "../../../contracts/settlement/MerkleBatch.sol";
import {Trees} from "../../helpers/Trees.sol";

/// @notice {MerkleBatch} against the plain trees of the tests and OpenZeppelin's proofs.
contract MerkleBatchTest {
    uint256 internal constant MAX_WINDOWS = 5;
    uint256 internal constant MAX_LEAVES = 9; // in a window

    function testFuzz_RootIsThatOfThePlainTree(uint256 seed) public view {
        bytes32[][] memory windows = _windows(seed);
        (bytes32 root, uint256 count, bytes32 sizesHash) = this.rootOf(_encode(windows));
        require(root == Trees.root(_rootsOf(windows)), "root");
        (uint256 leaves, bytes memory sizes) = (0, "");
        for (uint256 w; w < windows.length; ++w) {
            leaves += windows[w].length;
            sizes = bytes.concat(sizes, bytes2(uint16(windows[w].length)));
        }
        require(count == leaves, "count");
        require(sizesHash == keccak256(sizes), "sizes");
    }

    function testFuzz_EveryLeafProves(uint256 seed) public view {
        bytes32[][] memory windows = _windows(seed);
        (bytes32 root, , ) = this.rootOf(_encode(windows));
        for (uint256 w; w < windows.length; ++w) {
            bytes32[] memory upper = Trees.path(_rootsOf(windows), w);
            for (uint256 i; i < windows[w].length; ++i) {
                bytes32[] memory path = Trees.join(Trees.path(windows[w], i), upper);
                require(MerkleProof.verify(path, root, windows[w][i]), "a leaf proves");
                require(!MerkleProof.verify(path, root, windows[w][i] ^ bytes32(uint256(1))), "nothing else does");
            }
        }
    }

    /// @dev However a tree is cut or lengthened, it is refused.
    function testFuzz_RefusesAnotherLength(uint256 seed, uint16 cut, bytes calldata more) public view {
        bytes memory tree = _encode(_windows(seed));
        if (more.length != 0) _requireRefused(bytes.concat(tree, more));
        uint256 length = cut % tree.length;
        assembly ("memory-safe") {
            mstore(tree, length)
        }
        _requireRefused(tree);
    }

    function test_RefusesNoWindowAndEmptyWindows() public view {
        _requireRefused("");
        _requireRefused(hex"0000");
        try this.rootOf(hex"00010000") {
            revert("an empty window is refused");
        } catch (bytes memory reason) {
            require(bytes4(reason) == MerkleBatch.MerkleBatch_EmptyWindow.selector, "for its reason");
        }
    }

    function rootOf(bytes calldata tree) external pure returns (bytes32 root, uint256 count, bytes32 sizesHash) {
        return MerkleBatch.rootOf(tree);
    }

    function _requireRefused(bytes memory tree) private view {
        try this.rootOf(tree) {
            revert("a tree of another length is refused");
        } catch (bytes memory reason) {
            require(bytes4(reason) == MerkleBatch.MerkleBatch_WrongLength.selector, "for its reason");
        }
    }

    function _windows(uint256 seed) private pure returns (bytes32[][] memory windows) {
        windows = new bytes32[][](1 + (seed % MAX_WINDOWS));
        for (uint256 w; w < windows.length; ++w) {
            windows[w] = new bytes32[](1 + (uint256(keccak256(abi.encode(seed, w))) % MAX_LEAVES));
            for (uint256 i; i < windows[w].length; ++i) windows[w][i] = keccak256(abi.encode(seed, w, i));
        }
    }

    function _rootsOf(bytes32[][] memory windows) private pure returns (bytes32[] memory roots) {
        roots = new bytes32[](windows.length);
        for (uint256 w; w < windows.length; ++w) roots[w] = Trees.root(windows[w]);
    }

    function _encode(bytes32[][] memory windows) private pure returns (bytes memory tree) {
        tree = abi.encodePacked(uint16(windows.length));
        for (uint256 w; w < windows.length; ++w) tree = bytes.concat(tree, bytes2(uint16(windows[w].length)));
        for (uint256 w; w < windows.length; ++w) tree = abi.encodePacked(tree, windows[w]);
    }
}
