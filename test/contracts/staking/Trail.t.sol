// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TrailHarness} from "../../../contracts/mocks/TrailHarness.sol";
import {VM} from "../../helpers/Vm.sol";

contract TrailTest {
    /// @notice Writes at random seconds, some of them twice, some without change; every second reads as in OpenZeppelin's twin.
    function testFuzz_Trail_ReadsAsItsTwin(uint176[24] memory values, uint256 seed) public {
        TrailHarness trail = new TrailHarness();
        uint256 clock = 100;
        for (uint256 i; i < values.length; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            clock += draw % 4;
            VM.warp(clock);
            trail.set((draw >> 8) % 3 == 0 ? uint176((draw >> 16) % 2) : values[i]);
            (uint256 latest, uint256 twinLatest) = trail.latest();
            require(latest == twinLatest, "latest");
        }
        for (uint256 at = 98; at < clock + 3; ++at) {
            (uint256 value, uint256 twin) = trail.both(uint48(at));
            require(value == twin, "past");
        }
    }
}
