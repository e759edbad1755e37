// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {Governed} from "../common/Governed.sol";
import {PPM, WEI_PER_NANO} from "../common/Nano.sol";
import {INodeRegistry} from "../registry/INodeRegistry.sol";
import {ActiveRootLib} from "./ActiveRoot.sol";
import {EpochRoot, Fault, IEpochRewards, Pending, Posting, RewardParameters} from "./IEpochRewards.sol";
import {Quorum} from "./Quorum.sol";
import {RewardClaims} from "./RewardClaims.sol";
import {SumTree} from "./SumTree.sol";

/// @title RootLife
/// @notice From the posting of a root to its activity or its end.
///
/// TRUST
/// @dev A quorum of attested verifiers for what no refutation can show; governance for verdicts and, within bounds, parameters.
///
/// INVARIANTS
/// @dev One root waits at most; the active root changes only in {activate}. Every bond that was taken is paid in full to poster,
/// winner and reserve.
abstract contract RootLife is RewardClaims, Governed, EIP712 {
    bytes32 internal constant ROOT_TYPEHASH = keccak256(
        "EpochRoot(uint32 epoch,uint32 leafCount,uint96 totalWei,bytes32 root,bytes32 receiptsRoot,bytes32 dataHash,bytes24 previous)"
    );

    uint32 internal constant MAX_WINDOW = 30 days;
    uint32 internal constant MIN_GRACE = 10 minutes;
    uint32 internal constant MAX_GRACE = 7 days;
    uint32 internal constant MAX_VERDICT_TIME = 90 days;

    INodeRegistry public immutable nodes;
    ITeeRegistry public immutable teeRegistry;
    /// @notice Gets what is lost of bonds and not paid to the other side.
    address public immutable reserve;
    /// @notice Lower bound of the challenge window, in seconds.
    uint32 public immutable leastWindow;
    /// @notice Lower bound of the bond's floor, in nano.
    uint64 public immutable leastBondNano;

    Pending internal _pending;
    RewardParameters internal _parameters;

    /// @inheritdoc IEpochRewards
    mapping(bytes32 contentHash => bool) public isRefuted;

    constructor(
        INodeRegistry nodes_,
        ITeeRegistry teeRegistry_,
        address reserve_,
        uint32 leastWindow_,
        uint64 leastBondNano_,
        RewardParameters memory parameters
    ) {
        if (reserve_ == address(0) || reserve_ == address(this)) revert Rewards_BadReserve(reserve_);
        if (leastBondNano_ == 0) revert Rewards_ZeroAmount();
        nodes = nodes_;
        teeRegistry = teeRegistry_;
        reserve = reserve_;
        leastWindow = leastWindow_;
        leastBondNano = leastBondNano_;
        _setParameters(parameters);
    }

    /* LIFE OF A ROOT */

    /// @inheritdoc IEpochRewards
    function post(EpochRoot calldata content) external returns (bytes32 id) {
        (id, ) = _post(content);
    }

    /// @inheritdoc IEpochRewards
    function displace(
        Posting calldata posting,
        EpochRoot calldata content,
        bytes calldata signatures
    ) external returns (bytes32 id) {
        Pending memory pending = _open(posting);
        if (pending.activeFrom != 0) revert Rewards_AlreadyAttested(pending.id);
        _lapse(posting, pending.id);
        uint32 operator;
        (id, operator) = _post(content);
        _checkQuorum(content, operator, signatures);
        _openWindow(id, content.epoch);
    }

    /// @inheritdoc IEpochRewards
    function attest(Posting calldata posting, bytes calldata signatures) external {
        Pending memory pending = _open(posting);
        if (pending.activeFrom != 0) revert Rewards_AlreadyAttested(pending.id);
        if (block.timestamp > posting.attestBy) revert Rewards_AttestTooLate(posting.attestBy);
        _checkQuorum(posting.content, posting.operator, signatures);
        _openWindow(pending.id, posting.content.epoch);
    }

    /// @inheritdoc IEpochRewards
    function activate(Posting calldata posting, bytes calldata signatures) external {
        Pending memory pending = _open(posting);
        if (pending.activeFrom == 0) revert Rewards_NotAttested(pending.id);
        if (pending.challenger != address(0)) revert Rewards_Frozen(pending.id, pending.challenger);
        if (block.timestamp < pending.activeFrom) revert Rewards_NotYet(pending.activeFrom);
        EpochRoot calldata content = posting.content;
        _checkQuorum(content, posting.operator, signatures);

        delete _pending;
        bytes32 commitment = SumTree.commitment(
            SumTree.version(content.epoch, content.leafCount),
            content.root,
            content.totalWei
        );
        _active = ActiveRootLib.pack(bytes24(commitment), _active.paidNano());
        _books.promisedNano = _nano(content.totalWei);
        _books.epoch = content.epoch;
        depositOf[posting.poster] += posting.bondNano;
        emit Activated(content.epoch, pending.id, content.root, content.totalWei, content.leafCount);
    }

    /// @inheritdoc IEpochRewards
    function challenge(Posting calldata posting, bytes32 reason) external {
        Pending memory pending = _open(posting);
        if (pending.activeFrom == 0) revert Rewards_NotAttested(pending.id);
        if (pending.challenger != address(0)) revert Rewards_Frozen(pending.id, pending.challenger);
        if (block.timestamp >= pending.activeFrom) revert Rewards_TooLate(pending.activeFrom);
        _takeDeposit(msg.sender, posting.bondNano);
        uint40 verdictBy = uint40(block.timestamp) + _parameters.verdictTime;
        (_pending.verdictBy, _pending.challenger) = (verdictBy, msg.sender);
        emit Challenged(pending.id, msg.sender, verdictBy, reason);
    }

    /// @inheritdoc IEpochRewards
    function verdict(Posting calldata posting, bool stands) external onlyGovernance {
        Pending memory pending = _open(posting);
        if (pending.challenger == address(0)) revert Rewards_NotFrozen(pending.id);
        if (block.timestamp > pending.verdictBy) revert Rewards_TooLate(pending.verdictBy);
        if (!stands) {
            _refute(posting, pending, Fault.VERDICT, pending.challenger);
            return;
        }
        // The grace time to activate it begins now, unless the window is still open.
        if (pending.activeFrom < block.timestamp) _pending.activeFrom = uint40(block.timestamp);
        (_pending.verdictBy, _pending.challenger) = (0, address(0));
        emit ChallengeRejected(pending.id, pending.challenger);
        _forfeit(posting.bondNano, posting.poster);
    }

    /// @inheritdoc IEpochRewards
    function drop(Posting calldata posting) external {
        Pending memory pending = _open(posting);
        if (pending.activeFrom == 0) {
            if (block.timestamp <= posting.attestBy) revert Rewards_NotYet(uint256(posting.attestBy) + 1);
            _lapse(posting, pending.id);
            return;
        }
        bool frozen = pending.challenger != address(0);
        uint256 until = frozen ? pending.verdictBy : uint256(pending.activeFrom) + _parameters.graceTime;
        if (block.timestamp <= until) revert Rewards_NotYet(until + 1);
        delete _pending;
        depositOf[posting.poster] += posting.bondNano;
        if (frozen) depositOf[pending.challenger] += posting.bondNano;
        emit Dropped(pending.id, 0);
    }

    /* GOVERNANCE */

    /// @inheritdoc IEpochRewards
    function setParameters(RewardParameters calldata parameters) external onlyGovernance {
        _setParameters(parameters);
    }

    /* VIEWS */

    /// @inheritdoc IEpochRewards
    function getParameters() external view returns (RewardParameters memory) {
        return _parameters;
    }

    /// @inheritdoc IEpochRewards
    function getPending() external view returns (Pending memory) {
        return _pending;
    }

    /// @inheritdoc IEpochRewards
    function bondFor(uint96 totalWei) public view returns (uint64) {
        uint256 newNano = Math.saturatingSub(totalWei / WEI_PER_NANO, _books.promisedNano);
        // A part of what is below 2^67 nano; {post} takes no total above what was funded, which is below 2^60.
        uint64 partNano = uint64(Math.ceilDiv(newNano * _parameters.bondPpm, PPM));
        return partNano > _parameters.bondFloorNano ? partNano : _parameters.bondFloorNano;
    }

    /// @inheritdoc IEpochRewards
    function rootDigest(EpochRoot calldata content) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ROOT_TYPEHASH, content, _active.commitment())));
    }

    /* INTERNAL */

    /// @dev Reverts unless `posting` is the root that waits.
    function _open(Posting calldata posting) internal view returns (Pending memory pending) {
        pending = _pending;
        bytes32 id = keccak256(abi.encode(posting));
        if (id != pending.id) revert Rewards_NotPending(id, pending.id);
    }

    /// @dev Removes a wrong root: its bond goes to `by` and the reserve, a challenger's comes back.
    function _refute(Posting calldata posting, Pending memory pending, Fault fault, address by) internal {
        delete _pending;
        isRefuted[keccak256(abi.encode(posting.content))] = true;
        if (pending.challenger != address(0)) depositOf[pending.challenger] += posting.bondNano;
        emit Refuted(pending.id, by, fault, _winnings(posting.bondNano));
        _forfeit(posting.bondNano, by);
    }

    function _post(EpochRoot calldata content) private returns (bytes32 id, uint32 operator) {
        if (_pending.id != 0) revert Rewards_RootPending(_pending.id);
        operator = nodes.operatorOwnedBy(msg.sender);
        if (operator == 0) revert Rewards_NotOperator(msg.sender);
        _checkContent(content);
        Posting memory posting = Posting({
            content: content,
            poster: msg.sender,
            operator: operator,
            bondNano: bondFor(content.totalWei),
            attestBy: uint40(block.timestamp) + _parameters.graceTime
        });
        _takeDeposit(msg.sender, posting.bondNano);
        id = keccak256(abi.encode(posting));
        _pending.id = id;
        emit Posted(content.epoch, id, posting);
    }

    function _checkContent(EpochRoot calldata content) private view {
        uint32 epoch = _books.epoch + 1;
        if (content.epoch != epoch) revert Rewards_WrongEpoch(content.epoch, epoch);
        if (content.root == 0) revert Rewards_EmptyRoot();
        if (content.leafCount == 0 || content.leafCount > SumTree.MAX_LEAVES) {
            revert Rewards_BadLeafCount(content.leafCount, SumTree.MAX_LEAVES);
        }
        uint256 totalWei = content.totalWei;
        if (totalWei % WEI_PER_NANO != 0) revert Rewards_NotWholeNano(totalWei);
        uint256 promisedWei = _books.promisedNano * WEI_PER_NANO;
        if (totalWei < promisedWei) revert Rewards_TotalFell(totalWei, promisedWei);
        uint256 fundedWei = _books.fundedNano * WEI_PER_NANO;
        if (totalWei > fundedWei) revert Rewards_NotFunded(totalWei, fundedWei);
        bytes32 contentHash = keccak256(abi.encode(content));
        if (isRefuted[contentHash]) revert Rewards_RefutedBefore(contentHash);
    }

    function _openWindow(bytes32 id, uint32 epoch) private {
        uint40 activeFrom = uint40(block.timestamp) + _parameters.challengeWindow;
        _pending.activeFrom = activeFrom;
        emit Attested(epoch, id, activeFrom);
    }

    function _checkQuorum(EpochRoot calldata content, uint32 excluded, bytes calldata signatures) private view {
        Quorum.check(teeRegistry, rootDigest(content), signatures, _parameters.quorum, excluded);
    }

    /// @dev Removes a root that no quorum attested; in time it loses nothing.
    function _lapse(Posting calldata posting, bytes32 id) private {
        bool late = block.timestamp > posting.attestBy;
        uint64 lostNano = late ? _part(posting.bondNano, _parameters.lapsePpm) : 0;
        delete _pending;
        depositOf[posting.poster] += posting.bondNano - lostNano;
        emit Dropped(id, lostNano);
        if (lostNano != 0) _payOut(reserve, lostNano);
    }

    /// @dev Splits a lost bond.
    function _forfeit(uint64 bondNano, address winner) private {
        uint64 winnerNano = _winnings(bondNano);
        depositOf[winner] += winnerNano;
        _payOut(reserve, bondNano - winnerNano);
    }

    function _winnings(uint64 bondNano) private view returns (uint64) {
        uint64 partNano = _part(bondNano, _parameters.winnerPpm);
        return partNano < _parameters.winnerCapNano ? partNano : _parameters.winnerCapNano;
    }

    function _setParameters(RewardParameters memory p) private {
        _within("quorum", p.quorum, 2, Quorum.MAX_SIGNERS);
        _within("challengeWindow", p.challengeWindow, leastWindow, MAX_WINDOW);
        _within("graceTime", p.graceTime, MIN_GRACE, MAX_GRACE);
        // Else the timelock could not decide in time.
        _within("verdictTime", p.verdictTime, uint256(parameterDelay) + p.graceTime, MAX_VERDICT_TIME);
        _within("bondFloorNano", p.bondFloorNano, leastBondNano, type(uint64).max);
        _within("bondPpm", p.bondPpm, PPM / 100, PPM / 5);
        _within("winnerPpm", p.winnerPpm, PPM / 20, PPM / 2);
        _within("winnerCapNano", p.winnerCapNano, _part(p.bondFloorNano, p.winnerPpm), type(uint64).max);
        _within("lapsePpm", p.lapsePpm, PPM / 100, PPM / 2);
        _parameters = p;
        emit ParametersSet(p);
    }

    function _within(string memory name, uint256 value, uint256 least, uint256 most) private pure {
        if (value < least) revert Rewards_BadParameter(name, value, least);
        if (value > most) revert Rewards_BadParameter(name, value, most);
    }

    /// @dev Rounded down; `ppm` is at most PPM.
    function _part(uint64 amountNano, uint32 ppm) private pure returns (uint64) {
        return uint64((uint256(amountNano) * ppm) / PPM);
    }

    function _nano(uint96 amountWei) private pure returns (uint64) {
        return uint64(amountWei / WEI_PER_NANO); // at most what was funded, see {_checkContent}
    }
}
