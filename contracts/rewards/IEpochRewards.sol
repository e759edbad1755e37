// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Placed} from "./SortedTree.sol";
import {Leaf, Node, RootVersion} from "./SumTree.sol";

/// @notice What a root says. Verifiers sign it.
struct EpochRoot {
    uint32 epoch; // one more than the active one
    uint32 leafCount; // 1 to 2^24
    uint96 totalWei; // sum of the leaves, whole nano, since the beginning
    bytes32 root; // of the {SumTree} of accounts
    bytes32 receiptsRoot; // of the {SortedTree} of the leaves' receipt hashes
    bytes32 dataHash; // of the published file with all leaves
}

/// @notice A root that waits. The chain keeps its hash; whoever speaks of it gives it whole, as {Posted} has it.
struct Posting {
    EpochRoot content;
    address poster;
    uint32 operator; // of the poster
    uint64 bondNano; // of the poster; a challenger puts up as much
    uint40 attestBy; // Unix timestamp, seconds; the last second for the quorum
}

/// @notice What has happened to the root that waits, in two slots.
struct Pending {
    // slot 0
    bytes32 id; // keccak256(abi.encode(posting)); 0: no root waits
    // slot 1: 5 + 5 + 20 = 30 bytes
    uint40 activeFrom; // Unix timestamp, seconds; 0 until the quorum attested
    uint40 verdictBy; // Unix timestamp, seconds, the last second for a verdict
    address challenger; // zero unless frozen
}

/// @notice Promises and money, in one slot: 8 + 8 + 8 + 4 = 28 bytes.
struct Books {
    uint64 fundedNano; // ever counted for rewards
    uint64 promisedNano; // total of the active root
    uint64 heldNano; // deposits and bonds, never paid as rewards
    uint32 epoch; // of the active root; 0: none yet
}

/// @notice A leaf with its path.
struct Witness {
    Leaf leaf;
    bytes proof;
}

/// @notice An account of the active root, with what it takes to recognise that root.
struct Former {
    RootVersion version;
    Witness witness;
}

/// @notice What governance sets, within the bounds of {IEpochRewards-setParameters}.
struct RewardParameters {
    uint8 quorum; // distinct operators that attest a root
    uint32 challengeWindow; // between the attestation and the activity of a root, in seconds
    uint32 graceTime; // for the quorum to attest, and for anybody to activate, in seconds
    uint32 verdictTime; // for the verdict about a challenge, in seconds
    uint64 bondFloorNano; // least bond
    uint32 bondPpm; // of what a root newly promises: the bond where that is more
    uint32 winnerPpm; // part of a lost bond that the other side gets …
    uint64 winnerCapNano; // … but at most this
    uint32 lapsePpm; // part of the bond lost by a root that no quorum attested
}

/// @notice Why a root was wrong.
enum Fault {
    ORDER, // two leaves of one account, or in the wrong order
    OMISSION, // an account of the active root is missing
    DECREASE, // an account's cumulative fell
    SUM, // a node or a leaf does not have the sum that is stated
    SHAPE, // something else stands where a leaf, a node or nothing should be
    RECEIPTS, // a leaf's receipts are not in the receipts root
    VERDICT // governance decided
}

/// @title IEpochRewards
/// @notice Pays rewards by cumulative Merkle-sum roots. A root is posted with a bond, attested by verifiers, waits out a
/// window in which anybody can refute or challenge it, and only then becomes active. The root before stays active all the time.
interface IEpochRewards {
    event Funded(uint64 amountNano, uint64 fundedNano);
    /// @param cumulativeWei What it got since the beginning; the transfer of the token says how much of it now.
    event Claimed(address indexed account, uint256 cumulativeWei);
    event Deposited(address indexed account, uint64 amountNano);
    event Withdrawn(address indexed account, uint64 amountNano);
    event Posted(uint32 indexed epoch, bytes32 indexed id, Posting posting);
    /// @param activeFrom Unix timestamp, seconds.
    event Attested(uint32 indexed epoch, bytes32 indexed id, uint40 activeFrom);
    event Activated(uint32 indexed epoch, bytes32 indexed id, bytes32 root, uint96 totalWei, uint32 leafCount);
    /// @param verdictBy Unix timestamp, seconds, the last second for a verdict.
    event Challenged(bytes32 indexed id, address indexed challenger, uint40 verdictBy, bytes32 reason);
    event ChallengeRejected(bytes32 indexed id, address indexed challenger);
    event Refuted(bytes32 indexed id, address indexed by, Fault fault, uint64 rewardNano);
    /// @param lostNano What the poster lost of its bond.
    event Dropped(bytes32 indexed id, uint64 lostNano);
    event ParametersSet(RewardParameters parameters);

    error Rewards_BadReserve(address reserve);
    error Rewards_BadParameter(string name, uint256 value, uint256 bound);
    error Rewards_ZeroAmount();
    error Rewards_TooMuch(uint64 askedNano, uint64 deposited);
    /// @notice Thrown when the contract holds less than its books say, in wei.
    error Rewards_BalanceShort(uint256 balanceWei, uint256 bookedWei);
    error Rewards_NotOperator(address caller);
    error Rewards_RootPending(bytes32 id);
    error Rewards_NotPending(bytes32 id, bytes32 pending);
    error Rewards_WrongEpoch(uint32 epoch, uint32 expected);
    error Rewards_EmptyRoot();
    error Rewards_BadLeafCount(uint256 leafCount, uint256 limit);
    error Rewards_NotWholeNano(uint256 amountWei);
    error Rewards_TotalFell(uint256 totalWei, uint256 promisedWei);
    error Rewards_NotFunded(uint256 totalWei, uint256 fundedWei);
    /// @notice Thrown when a root with this content was proven or judged wrong before.
    error Rewards_RefutedBefore(bytes32 contentHash);
    error Rewards_AlreadyAttested(bytes32 id);
    error Rewards_NotAttested(bytes32 id);
    error Rewards_AttestTooLate(uint40 attestBy);
    error Rewards_NotYet(uint256 from);
    error Rewards_TooLate(uint256 until);
    error Rewards_Frozen(bytes32 id, address challenger);
    error Rewards_NotFrozen(bytes32 id);
    /// @notice Thrown when a proof does not lead to the active root.
    error Rewards_NotActive(bytes24 commitment, bytes24 active);
    error Rewards_NothingDue(address account, uint256 cumulativeWei, uint256 claimedWei);
    /// @notice Thrown when a claim would raise what was paid above the total of the active root, in nano.
    error Rewards_TotalExceeded(uint256 paidNano, uint256 totalNano);
    error Rewards_LengthsDiffer(uint256 leaves, uint256 proofs);
    /// @notice Thrown when a proof does not lead to the pending root.
    error Rewards_NotInRoot(bytes32 root, uint256 totalWei);
    /// @notice Thrown when what was shown is no fault.
    error Rewards_NoFault(Fault fault);
    error Rewards_WrongNeighbour(uint256 index, uint256 expected);

    /* MONEY */

    /// @notice Counts OPG that arrived since the last time as funds for rewards. Anybody may call.
    /// @dev Less than a nano stays uncounted until there is more.
    function sync() external returns (uint64 amountNano);

    /// @notice Adds to what the caller can put up as bonds.
    function deposit(uint64 amountNano) external;

    /// @notice Pays out of the caller's deposit, which bonds that came back and shares of lost bonds go to.
    function withdraw(uint64 amountNano) external;

    /* CLAIMS */

    /// @notice Pays an account what it is due under the active root. Anybody may call.
    ///
    /// Requirements:
    /// - `leaf` stands in the active root, which is of that version.
    /// - It is more than the account got before.
    ///
    /// @param proof As {SumTree} has it: 44 bytes for each level.
    /// @return amountWei What was paid.
    function claim(RootVersion version, Leaf calldata leaf, bytes calldata proof) external returns (uint256 amountWei);

    /// @notice The same for many; passes over those with nothing due, and reverts when one does not stand in the root.
    /// @return amountWei What was paid in all.
    function claimMany(
        RootVersion version,
        Leaf[] calldata leaves,
        bytes[] calldata proofs
    ) external returns (uint256 amountWei);

    /* LIFE OF A ROOT */

    /// @notice Posts a root. The caller owns an operator and has deposited the bond.
    function post(EpochRoot calldata content) external returns (bytes32 id);

    /// @notice Posts a root with its quorum in the place of one that no quorum has attested, so that a worthless root keeps
    /// nobody out. The bond of the other comes back, less what it lost if its time was over.
    function displace(
        Posting calldata posting,
        EpochRoot calldata content,
        bytes calldata signatures
    ) external returns (bytes32 id);

    /// @notice Shows that a quorum has recomputed the pending root, and so opens the window. Anybody may call.
    /// @param signatures Of {rootDigest}: 64 bytes each, in ascending order of operators.
    function attest(Posting calldata posting, bytes calldata signatures) external;

    /// @notice Makes the pending root the active one, after the window. Anybody may call.
    /// @dev The quorum is asked for again, so that a key revoked meanwhile no longer counts.
    function activate(Posting calldata posting, bytes calldata signatures) external;

    /// @notice Freezes the pending root for a verdict, with a bond as large as the poster's, while its window is open.
    /// @param reason A short text, or the hash of a longer one.
    function challenge(Posting calldata posting, bytes32 reason) external;

    /// @notice Ends a challenge; governance only. The side that loses pays the other.
    function verdict(Posting calldata posting, bool stands) external;

    /// @notice Removes a pending root that ran out of time: no quorum, no verdict, or not activated. Anybody may call.
    function drop(Posting calldata posting) external;

    /* REFUTATIONS: each removes the pending root at once, in any state; the caller gets a part of the bond */

    /// @notice `first` stands before `second`, and its account is not below.
    function refuteOrder(Posting calldata posting, Witness calldata first, Witness calldata second) external;

    /// @notice An account of the active root lies between two neighbours.
    /// @param gap The position of the right one. At 0 `left` is ignored, at the leaf count `right` is.
    function refuteOmission(
        Posting calldata posting,
        Former calldata former,
        uint32 gap,
        Witness calldata left,
        Witness calldata right
    ) external;

    /// @notice The account of `former` has less in `witness`.
    function refuteDecrease(Posting calldata posting, Former calldata former, Witness calldata witness) external;

    /// @notice A node whose children do not add up to the sum stated for it, or that stands where a leaf should.
    /// @param level 0 where leaves stand, the depth at the root.
    /// @param proof From the node upwards.
    function refuteNode(
        Posting calldata posting,
        uint8 level,
        uint32 position,
        Node calldata node,
        uint96 statedWei,
        bytes calldata proof
    ) external;

    /// @notice A leaf with another sum than its own, at another place than its own, or not of whole nano.
    function refuteLeaf(
        Posting calldata posting,
        uint8 level,
        uint32 position,
        Leaf calldata leaf,
        uint96 statedWei,
        bytes calldata proof
    ) external;

    /// @notice Nothing where a leaf should stand, or something where nothing should.
    function refutePadding(
        Posting calldata posting,
        uint32 position,
        bytes32 hash,
        uint96 sumWei,
        bytes calldata proof
    ) external;

    /// @notice The receipts of a leaf lie between two neighbours of the receipts root.
    /// @param gap As in {refuteOmission}.
    /// @param count Of the hashes in the receipts root.
    function refuteReceipts(
        Posting calldata posting,
        Witness calldata witness,
        uint32 count,
        uint32 gap,
        Placed calldata left,
        Placed calldata right
    ) external;

    /* GOVERNANCE */

    /// @notice Sets the parameters; governance only. Bounds:
    /// - quorum 2 to 16; challengeWindow from {leastWindow} to 30 days; graceTime 10 minutes to 7 days
    /// - verdictTime from parameterDelay + graceTime to 90 days
    /// - bondFloorNano from {leastBondNano}; bondPpm 1 % to 20 %; winnerPpm 5 % to 50 %; lapsePpm 1 % to 50 %
    /// - winnerCapNano at least winnerPpm of the floor
    function setParameters(RewardParameters calldata parameters) external;

    /* VIEWS */

    function getParameters() external view returns (RewardParameters memory);

    /// @return commitment To the active root, see {SumTree-commitment}; 0: none yet.
    /// @return paidNano What was paid under all roots.
    function getActive() external view returns (bytes24 commitment, uint64 paidNano);

    function getBooks() external view returns (Books memory);

    function getPending() external view returns (Pending memory);

    /// @return amountNano Funds that no root has promised yet.
    function unpromisedNano() external view returns (uint64 amountNano);

    function depositOf(address account) external view returns (uint64 amountNano);

    /// @return claimedWei What an account got under all roots.
    function claimed(address account) external view returns (uint256 claimedWei);

    /// @notice keccak256(abi.encode(content)) of roots that were proven or judged wrong.
    function isRefuted(bytes32 contentHash) external view returns (bool);

    /// @notice The bond for a root with that total, in nano.
    function bondFor(uint96 totalWei) external view returns (uint64 bondNano);

    /// @notice What verifiers sign: EIP-712, domain {name "OPG EpochRewards", version "1", chain id, contract},
    /// EpochRoot(uint32 epoch,uint32 leafCount,uint96 totalWei,bytes32 root,bytes32 receiptsRoot,bytes32 dataHash,bytes24
    /// previous), `previous` being the active commitment.
    function rootDigest(EpochRoot calldata content) external view returns (bytes32);
}
