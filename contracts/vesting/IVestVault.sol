// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {GrantId} from "./VestBook.sol";

/// @notice What happened to one grant. One slot: 12 + 1 + 1 + 1 = 15 bytes.
struct GrantState {
    uint96 paidWei; // to the beneficiary and, after a revocation, to the remainder address together
    uint8 keptTranches; // those that stay the beneficiary's; counts only when `revoked`
    bool revoked;
    bool handedOver; // at least once: {newBeneficiary} counts, not the book
}

/// @title IVestVault
/// @notice Locked OPG under the schedules of one book. Tokens leave it only when a tranche is due, to whom the book names.
interface IVestVault {
    /// @notice Emitted once, in the constructor.
    /// @param bookHash keccak256 of the published file, equal to EXTCODEHASH of `book`.
    event BookWritten(address indexed book, bytes32 indexed bookHash, uint256 grants, uint256 totalWei);

    /// @notice Emitted once: from here on nothing is missing.
    event Sealed(uint256 balanceWei, uint256 totalWei);

    /// @notice Emitted for each payment of a grant.
    /// @param to The beneficiary, or the remainder address of a revoked grant.
    /// @param paidWei Of the whole grant so far, to both, in wei; this amount included.
    event Claimed(GrantId indexed id, address indexed to, uint256 amountWei, uint256 paidWei);

    /// @notice Emitted when a beneficiary offers its grant to another address.
    event HandoverOffered(GrantId indexed id, address indexed from, address indexed to);

    /// @notice Emitted when the offer was accepted.
    event HandedOver(GrantId indexed id, address indexed to);

    /// @notice Emitted when future tranches were redirected. They stay due on the same days.
    /// @param keptTranches How many stay the beneficiary's.
    /// @param remainderWei What goes to `remainderTo`, in wei, as it becomes due.
    event Revoked(
        GrantId indexed id,
        address indexed remainderTo,
        uint256 keptTranches,
        uint256 remainderWei,
        bytes32 reason
    );

    /// @notice Thrown when the token is not OPG.
    error VestVault_NotOpg(address token);
    /// @notice Thrown when the file does not begin with 0x00, is not whole words, or has no grants.
    error VestVault_BadFile(uint256 bytes_);
    /// @notice Thrown when a schedule breaks a rule of the format.
    error VestVault_BadSchedule(uint256 schedule, uint256 word);
    /// @notice Thrown when a grant is empty, names no schedule, or pays the zero address, the token or this contract.
    error VestVault_BadGrant(GrantId id, uint256 word);
    /// @notice Thrown when the grants do not add up to what was announced, in wei.
    error VestVault_WrongTotal(uint256 grantsWei, uint256 announcedWei);
    error VestVault_Underfunded(uint256 balanceWei, uint256 totalWei);
    error VestVault_AlreadySealed();
    error VestVault_NotSealed();
    error VestVault_UnknownGrant(GrantId id, uint256 grants);
    error VestVault_NothingDue(GrantId id);
    error VestVault_NotBeneficiary(GrantId id, address caller, address beneficiary);
    error VestVault_NotOffered(GrantId id, address caller, address offeredTo);
    error VestVault_BadBeneficiary(GrantId id, address beneficiary);
    error VestVault_NotRevoker(GrantId id, address caller, address revoker);
    error VestVault_AlreadyRevoked(GrantId id);
    /// @notice Thrown when a revocation would take a tranche that is due, is within the notice, or none at all.
    error VestVault_NotFuture(GrantId id, uint256 keptTranches, uint256 least, uint256 tranches);

    /// @notice OPG.
    function token() external view returns (IERC20);

    /// @notice The contract whose code is the published file.
    function book() external view returns (address);

    function grantCount() external view returns (uint256);

    /// @notice Sum of all grants, in wei.
    function totalWei() external view returns (uint256);

    function isSealed() external view returns (bool);

    /// @notice Opens the claims, once. Anybody may call.
    ///
    /// Requirements:
    /// - the balance covers the sum of all grants; what is beyond stays here for ever.
    function seal() external;

    /// @notice Pays what is due of a grant, to its beneficiary and, after a revocation, to the remainder address. Anybody
    /// may call. Reverts when nothing is due.
    /// @return amountWei Both payments together, in wei.
    function claim(GrantId id) external returns (uint256 amountWei);

    /// @notice The same for many grants; those with nothing due are passed over.
    function claimMany(GrantId[] calldata ids) external returns (uint256 amountWei);

    /// @notice Offers a grant to another address, which takes it with {acceptHandover}. A new offer replaces the former one;
    /// an offer to oneself withdraws it. Beneficiary only.
    function offerHandover(GrantId id, address to) external;

    /// @notice Takes an offered grant: all that is not paid yet belongs to the caller.
    function acceptHandover(GrantId id) external;

    /// @notice Redirects the tranches after the first `keptTranches` to the remainder address of the record, for good. They
    /// stay due when they were due, so the public unlock calendar holds. Only the record's revoker, once a grant.
    ///
    /// Requirements:
    /// - `keptTranches` is at least the tranches due now and the record's notice, and below all of them.
    function revoke(GrantId id, uint256 keptTranches, bytes32 reason) external;

    /// @notice What happened to a grant so far, see {GrantState}.
    function states(
        GrantId id
    ) external view returns (uint96 paidWei, uint8 keptTranches, bool revoked, bool handedOver);

    /// @notice Who a grant was handed over to; counts when its state says `handedOver`.
    function newBeneficiary(GrantId id) external view returns (address);

    /// @notice To whom a grant is offered; zero when to nobody.
    function offeredTo(GrantId id) external view returns (address);
}
