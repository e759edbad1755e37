// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Trees
/// @notice Roots and paths of small trees, written as the words of the design say: pairs are sorted, an odd node moves up.
library Trees {
    function root(bytes32[] memory nodes) internal pure returns (bytes32) {
        while (nodes.length > 1) nodes = above(nodes);
        return nodes[0];
    }

    /// @return siblings From the leaf at `index` up to the root.
    function path(bytes32[] memory nodes, uint256 index) internal pure returns (bytes32[] memory siblings) {
        for (; nodes.length > 1; (nodes, index) = (above(nodes), index / 2)) {
            uint256 sibling = index ^ 1;
            if (sibling < nodes.length) siblings = append(siblings, nodes[sibling]);
        }
    }

    function above(bytes32[] memory nodes) internal pure returns (bytes32[] memory parents) {
        parents = new bytes32[]((nodes.length + 1) / 2);
        for (uint256 i; i < parents.length; ++i) {
            bool paired = 2 * i + 1 < nodes.length;
            parents[i] = paired ? pair(nodes[2 * i], nodes[2 * i + 1]) : nodes[2 * i];
        }
    }

    function pair(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function append(bytes32[] memory items, bytes32 item) internal pure returns (bytes32[] memory longer) {
        longer = new bytes32[](items.length + 1);
        for (uint256 i; i < items.length; ++i) longer[i] = items[i];
        longer[items.length] = item;
    }

    function join(bytes32[] memory first, bytes32[] memory second) internal pure returns (bytes32[] memory joined) {
        joined = first;
        for (uint256 i; i < second.length; ++i) joined = append(joined, second[i]);
    }

    /// @return part Items [from, to).
    function slice(bytes32[] memory items, uint256 from, uint256 to) internal pure returns (bytes32[] memory part) {
        part = new bytes32[](to - from);
        for (uint256 i; i < part.length; ++i) part[i] = items[from + i];
    }
}
