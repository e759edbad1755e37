// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRewardPolicy, Shares} from "../../../contracts/rewards/IRewardPolicy.sol";
import {VM} from "../../helpers/Vm.sol";

contract RewardPolicyTest {
    uint256 private constant CHANGES = 12;

    /// @dev As a timelock answers {Governed}.
    function getMinDelay() external pure returns (uint256) {
        return 0;
    }

    /// @notice Every second falls into the epoch that begins at or before it and ends after it.
    function testFuzz_RewardPolicy_EpochsTileTime(uint32 start, uint32 length, uint40 at) public {
        VM.assume(start != 0 && length != 0 && length <= 365 days);
        VM.warp(start);
        IRewardPolicy policy = _deploy(length);
        uint256 genesis = policy.genesis();
        require(genesis >= start && genesis - start < length && genesis % length == 0, "genesis");
        uint256 time = (uint256(at) % (uint256(length) * type(uint24).max)) + start;
        uint32 epoch = policy.epochAt(time);
        if (epoch == 0) {
            require(time < genesis, "before");
        } else {
            require(policy.startOf(epoch) <= time && time < policy.startOf(epoch + 1), "inside");
        }
    }

    /// @notice Sets shares at random times: every epoch reads as the last change before it began, by looking at all of them, and never
    /// changes once it began.
    function testFuzz_RewardPolicy_ReadsAsItsTwin(uint16[CHANGES] memory gaps) public {
        VM.warp(1_000_003);
        uint32 length = 1_000;
        IRewardPolicy policy = _deploy(length);
        uint256[] memory times = new uint256[](CHANGES);
        uint256 now_ = 1_000_003;
        for (uint256 i; i < CHANGES; ++i) {
            now_ += gaps[i] % (3 * length);
            VM.warp(now_);
            policy.setShares(_shares(uint16(i + 2)));
            times[i] = now_;
            for (uint32 epoch = 1; epoch < 45; ++epoch) {
                uint256 wanted = 1;
                for (uint256 j; j <= i; ++j) {
                    if (times[j] < policy.startOf(epoch)) wanted = j + 2;
                }
                require(policy.sharesOf(epoch).spreadEpochs == wanted, "twin");
            }
        }
    }

    /// @notice Whatever shares are taken, a fee gives back at most nine tenths of itself in all roles together; the rest are refused.
    function testFuzz_RewardPolicy_NoFeeComesBack(uint32[5] memory parts, uint64 feeNano) public {
        VM.warp(1_000_003);
        IRewardPolicy policy = _deploy(1_000);
        Shares memory shares = _shares(1);
        uint256 sumPpm;
        for (uint256 i; i < 5; ++i) {
            // Half of the draws are small enough to be taken.
            shares.feePpm[i] = parts[0] % 2 == 0 ? parts[i] % 360_000 : parts[i];
            sumPpm += shares.feePpm[i];
        }
        try policy.setShares(shares) {
            uint256 givenNano;
            Shares memory taken = policy.sharesOf(2 ** 32 - 1);
            for (uint256 i; i < 5; ++i) givenNano += (uint256(feeNano) * taken.feePpm[i]) / 1e6;
            require(sumPpm <= 900_000 && 10 * givenNano <= 9 * uint256(feeNano), "nine tenths");
            require(feeNano == 0 || givenNano < feeNano, "a loss");
        } catch {
            require(sumPpm > 900_000, "taken");
        }
    }

    function _deploy(uint32 length) private returns (IRewardPolicy policy) {
        bytes memory code = abi.encodePacked(
            VM.getCode("RewardPolicy"),
            abi.encode(address(this), uint32(0), length, _shares(1))
        );
        assembly ("memory-safe") {
            policy := create(0, add(code, 32), mload(code))
        }
        require(address(policy) != address(0), "deployed");
    }

    function _shares(uint16 spreadEpochs) private pure returns (Shares memory shares) {
        (shares.spreadEpochs, shares.accountCapPpm) = (spreadEpochs, 1);
    }
}
