// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title StakeMath
/// @notice Shares against tokens, both rounded down, so that no conversion takes from those who stay. A pool behaves as if it
/// always had {VIRTUAL_NANO} and {VIRTUAL_SHARES} more: who comes first cannot make the shares of the next ones round to nothing.
library StakeMath {
    uint256 internal constant VIRTUAL_NANO = 1;

    /// @dev A deposit loses less than a share to rounding. Whoever makes a share dear by rewards pays these their part of
    /// them: a million times what each deposit of the next epoch can lose, and as many never join in one.
    uint256 internal constant VIRTUAL_SHARES = 1_000_000;

    /// @dev A pool with more shares than this for each nano has lost all but a thousandth and takes no more delegations. Until
    /// those on their way have joined it loses less than 13 parts of 14 more, see {StakePools}: shares fit 96 bits, being at
    /// most 1e18 nano * 14e9 shares.
    uint256 internal constant MOST_SHARES_PER_NANO = 1e9;

    function toShares(
        uint256 amountNano,
        uint256 poolNano,
        uint256 poolShares
    ) internal pure returns (uint256 sharesDown) {
        return (amountNano * (poolShares + VIRTUAL_SHARES)) / (poolNano + VIRTUAL_NANO);
    }

    function toNano(uint256 shares, uint256 poolNano, uint256 poolShares) internal pure returns (uint256 nanoDown) {
        return (shares * (poolNano + VIRTUAL_NANO)) / (poolShares + VIRTUAL_SHARES);
    }

    function isWorn(uint256 poolNano, uint256 poolShares) internal pure returns (bool) {
        return poolShares + VIRTUAL_SHARES > (poolNano + VIRTUAL_NANO) * MOST_SHARES_PER_NANO;
    }
}
