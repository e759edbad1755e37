// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IDatasetRegistry} from "../../../contracts/registry/IDatasetRegistry.sol";
import {INodeRegistry} from "../../../contracts/registry/INodeRegistry.sol";
import {EpochRoot, IEpochRewards, Posting, RewardParameters} from "../../../contracts/rewards/IEpochRewards.sol";
import {IRewardPolicy, Shares} from "../../../contracts/rewards/IRewardPolicy.sol";
import {Leaf, RootVersion} from "../../../contracts/rewards/SumTree.sol";
import {IVestVault} from "../../../contracts/vesting/IVestVault.sol";
import {GrantId} from "../../../contracts/vesting/VestBook.sol";
import {IBudget, IScheduleLens, ITokenLaunch, Part} from "../../helpers/interfaces.sol";
import {VM} from "../../helpers/Vm.sol";
import {Handler} from "./Handler.sol";

/// @title RewardsState
/// @notice A launch whose two grants go to the emission budget, rewards as its consumer, and datasets. Eight accounts earn, two
/// post, one challenges, one refutes, three own datasets, four verifiers sign. This contract deploys, is timelock, guardian,
/// donor and the registry of the verifiers' keys.
abstract contract RewardsState is Handler {
    uint256 internal constant EARNERS = 8;
    uint256 internal constant POSTERS = 2;
    uint256 internal constant OWNERS = 3;
    uint256 internal constant VERIFIERS = 4; // private keys and operators 1 to 4; the posters own 1 and 2
    uint32 internal constant EPOCH = 3_600;
    uint256 internal constant WINDOW = 1_200;
    uint256 internal constant GRACE = 600;
    uint32 internal constant WINNER_PPM = 200_000;
    uint64 internal constant WINNER_CAP_NANO = 500e9;
    uint32 internal constant LAPSE_PPM = 100_000;
    address internal constant CHALLENGER = address(0xc01);
    address internal constant REFUTER = address(0xc02);
    address internal constant RESERVE = address(0x800);
    bytes32 internal constant LEAF_TYPEHASH = keccak256(
        "RewardLeaf(uint256 chainId,address rewards,uint32 epoch,address account,uint96 cumulativeWei,uint32 index,bytes32 receiptsHash)"
    );

    IERC20 internal immutable opg;
    IVestVault internal immutable vault;
    IScheduleLens internal immutable lens;
    INodeRegistry internal immutable nodes;
    IBudget internal immutable budget;
    IEpochRewards internal immutable rewards;
    IRewardPolicy internal immutable policy;
    IDatasetRegistry internal immutable datasets;

    /// @dev What was done, in nano unless it says wei.
    uint256 internal budgetGiftsWei;
    uint256 internal rewardsGiftsWei;
    uint256 internal datasetsGiftsWei;
    uint256 internal depositedNano; // less what was withdrawn and what the reserve got
    uint256 internal reserveNano;
    uint256 internal bondsNano; // of datasets
    uint256 internal postings;

    uint32 internal activeEpoch;
    uint64[EARNERS] internal active; // cumulative, nano
    uint64[EARNERS] internal paid;
    Posting internal pending; // of poster 0: none
    uint64[EARNERS] internal proposed;
    mapping(uint256 verifier => bool) internal revoked;

    constructor() {
        VM.warp(clock);
        ITokenLaunch launch = ITokenLaunch(_create("TokenLaunch", ""));
        bytes memory arguments = abi.encode(launch, this, this, PARAMETER_DELAY, PARAMETER_DELAY);
        budget = IBudget(_create("EmissionBudget", arguments));
        Part[] memory liquid = new Part[](1);
        liquid[0] = Part(address(this), 1e27 - 22e25);
        launch.launch(_file(address(budget)), 22e25, liquid);
        opg = IERC20(launch.opg());
        vault = IVestVault(launch.vault());
        lens = IScheduleLens(_create("ScheduleLens", abi.encode(vault)));
        nodes = INodeRegistry(_create("NodeRegistry", ""));

        RewardParameters memory parameters = RewardParameters({
            quorum: 2,
            challengeWindow: uint32(WINDOW),
            graceTime: uint32(GRACE),
            verdictTime: 12_000,
            bondFloorNano: 100e9,
            bondPpm: 20_000,
            winnerPpm: WINNER_PPM,
            winnerCapNano: WINNER_CAP_NANO,
            lapsePpm: LAPSE_PPM
        });
        arguments = abi.encode(opg, nodes, this, RESERVE, this, PARAMETER_DELAY, uint32(600), uint64(1e9), parameters);
        rewards = IEpochRewards(_create("EpochRewards", arguments));
        budget.setConsumer(address(rewards));
        Shares memory shares;
        (shares.spreadEpochs, shares.accountCapPpm) = (8, 50_000);
        policy = IRewardPolicy(_create("RewardPolicy", abi.encode(this, PARAMETER_DELAY, EPOCH, shares)));
        arguments = abi.encode(opg, policy, _times(), uint64(1e9), this, this, RESERVE);
        datasets = IDatasetRegistry(_create("DatasetRegistry", arguments));

        for (uint256 i; i < POSTERS; ++i) {
            VM.prank(_poster(i));
            nodes.registerOperator();
            _fund(_poster(i), address(rewards));
        }
        _fund(CHALLENGER, address(rewards));
        for (uint256 i; i < OWNERS; ++i) _fund(_owner(i), address(datasets));
    }

    /// @notice As the registry of enclave keys has it.
    function activeOperator(address key) external view returns (uint32) {
        for (uint256 i = 1; i <= VERIFIERS; ++i) {
            if (key == VM.addr(i)) return revoked[i] ? 0 : uint32(i);
        }
        return 0;
    }

    function _fund(address who, address spender) private {
        opg.transfer(who, 1e25);
        VM.prank(who);
        opg.approve(spender, type(uint256).max);
    }

    /// @dev 96 monthly tranches from the first month on, and one at the start: January 21st 2027, some days from the first clock.
    function _file(address beneficiary) private pure returns (bytes memory) {
        bytes memory schedules = bytes.concat(_schedule(1, 96, 1), _schedule(0, 1, 0));
        uint256 to = uint256(uint160(beneficiary)) << 96;
        return bytes.concat(hex"00", schedules, bytes32(to | 12e25), bytes32(to | (1 << 90) | 10e25));
    }

    function _schedule(uint16 first, uint8 tranches, uint8 more) private pure returns (bytes memory) {
        bytes memory head = abi.encodePacked(bytes3(0), address(0), uint16(2027 * 12), uint8(21), uint8(0));
        return bytes.concat(head, abi.encodePacked(first, tranches, uint8(0), more), abi.encode(0, bytes32("rewards")));
    }

    /* WHO */

    function _earner(uint256 i) internal pure returns (address) {
        return address(uint160(0xa00 + i));
    }

    function _poster(uint256 i) internal pure returns (address) {
        return address(uint160(0xb00 + i));
    }

    function _owner(uint256 i) internal pure returns (address) {
        return address(uint160(0xd00 + i));
    }

    function _anybody(uint256 seed) internal pure returns (address) {
        return address(uint160(0xf00 + _draw(seed, "anybody", 5)));
    }

    /// @dev What the vault paid to the budget, in wei.
    function _releasedWei() internal view returns (uint256) {
        return uint256(lens.stateOf(GrantId.wrap(0)).paidWei) + lens.stateOf(GrantId.wrap(1)).paidWei;
    }

    function _sum(uint64[EARNERS] memory amounts) internal pure returns (uint256 sumNano) {
        for (uint256 i; i < EARNERS; ++i) sumNano += amounts[i];
    }

    /* TREES: nobody, then all who have something, in the order of their addresses */

    function _leaf(uint64[EARNERS] memory amounts, uint256 index) internal pure returns (Leaf memory leaf) {
        leaf.index = uint32(index);
        uint256 seen;
        for (uint256 i; i < EARNERS && index != 0; ++i) {
            if (amounts[i] == 0 || ++seen != index) continue;
            (leaf.account, leaf.cumulativeWei) = (_earner(i), uint96(uint256(amounts[i]) * 1e9));
        }
        leaf.receiptsHash = keccak256(abi.encode(leaf.account, leaf.cumulativeWei));
    }

    function _leafCount(uint64[EARNERS] memory amounts) internal pure returns (uint32 count) {
        count = 1;
        for (uint256 i; i < EARNERS; ++i) if (amounts[i] != 0) ++count;
    }

    /// @dev Of an earner who has something.
    function _indexOf(uint64[EARNERS] memory amounts, uint256 earner) internal pure returns (uint256 index) {
        index = 1;
        for (uint256 i; i < earner; ++i) if (amounts[i] != 0) ++index;
    }

    /// @return root The root.
    /// @return proof Of the leaf at `index`: 12 bytes of sum and 32 of hash for each level.
    function _climb(
        uint32 epoch,
        uint64[EARNERS] memory amounts,
        uint256 index
    ) internal view returns (bytes32 root, bytes memory proof) {
        uint256 count = _leafCount(amounts);
        uint256 width = 1;
        while (width < count) width *= 2;
        bytes32[] memory hashes = new bytes32[](width);
        uint96[] memory sums = new uint96[](width);
        for (uint256 i; i < count; ++i) {
            Leaf memory leaf = _leaf(amounts, i);
            bytes memory encoded = abi.encode(LEAF_TYPEHASH, block.chainid, rewards, epoch, leaf);
            (hashes[i], sums[i]) = (keccak256(abi.encode(keccak256(encoded))), leaf.cumulativeWei);
        }
        for (; width > 1; (width, index) = (width / 2, index / 2)) {
            proof = bytes.concat(proof, bytes12(sums[index ^ 1]), hashes[index ^ 1]);
            for (uint256 i; i < width; i += 2) {
                bytes memory both = abi.encodePacked(sums[i], hashes[i], sums[i + 1], hashes[i + 1]);
                (hashes[i / 2], sums[i / 2]) = (keccak256(both), sums[i] + sums[i + 1]);
            }
        }
        root = hashes[0];
    }

    function _version(uint32 epoch, uint64[EARNERS] memory amounts) internal pure returns (RootVersion) {
        return RootVersion.wrap((uint64(epoch) << 32) | _leafCount(amounts));
    }

    function _content(uint32 epoch, uint64[EARNERS] memory amounts) internal returns (EpochRoot memory content) {
        (bytes32 root, ) = _climb(epoch, amounts, 0);
        content = EpochRoot({
            epoch: epoch,
            leafCount: _leafCount(amounts),
            totalWei: uint96(_sum(amounts) * 1e9),
            root: root,
            receiptsRoot: keccak256("receipts"),
            dataHash: bytes32(++postings)
        });
    }

    /// @dev Of the verifiers from `from` to `to`, all included.
    function _signatures(
        EpochRoot memory content,
        uint256 from,
        uint256 to
    ) internal view returns (bytes memory signatures) {
        bytes32 digest = rewards.rootDigest(content);
        for (uint256 key = from; key <= to; ++key) {
            (bytes32 r, bytes32 vs) = VM.signCompact(key, digest);
            signatures = bytes.concat(signatures, r, vs);
        }
    }
}
