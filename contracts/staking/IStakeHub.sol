// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One slash and how what it takes is split: the harmed first, then the reporter, the rest to the reserve.
struct SlashOrder {
    uint32 operator; // who loses
    uint64 amountNano; // at most this is taken; less only when there is less
    address harmed; // gets up to `harmedNano`
    uint64 harmedNano;
    address reporter; // gets up to `reporterNano` of what remains
    uint64 reporterNano;
    bytes32 evidenceId; // used once
    uint40 faultAt; // Unix timestamp, seconds: what was deposited later is spared, what left since is not
}

/// @title IStakeHub
/// @notice The money that operators answer with, as settlement and court see it.
interface IStakeHub {
    /// @param takenNano What was taken in all.
    /// @param harmedNano What the harmed got of it.
    /// @param reporterNano What the reporter got of it.
    event Slashed(
        uint32 indexed operator,
        bytes32 indexed evidenceId,
        uint64 takenNano,
        uint64 harmedNano,
        uint64 reporterNano
    );

    error StakeHub_NotSlasher(address caller, address slasher);
    error StakeHub_EvidenceUsed(bytes32 evidenceId);

    /// @return effectiveNano What an operator's debits inside the claim horizon may come to, in nano.
    function effectiveStake(uint32 operator) external view returns (uint64 effectiveNano);

    /// @return slashableNano What a slash can take now, for the oldest fault that can be slashed, in nano: stake that is leaving
    /// included.
    function slashableStake(uint32 operator) external view returns (uint64 slashableNano);

    /// @return slashableNano What a slash can take now for a fault of that time, Unix timestamp in seconds; in nano.
    function slashableFor(uint32 operator, uint40 faultAt) external view returns (uint64 slashableNano);

    /// @return seconds_ How long after a fault a slash can take anything for it.
    function slashWindow() external view returns (uint32 seconds_);

    /// @notice Takes stake of an operator; the slasher only.
    /// @return takenNano What was taken.
    /// @return paidNano What the harmed got.
    function slash(SlashOrder calldata order) external returns (uint64 takenNano, uint64 paidNano);
}
