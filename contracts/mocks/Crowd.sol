// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {WEI_PER_NANO} from "../common/Nano.sol";
import {StakeHub} from "../staking/StakeHub.sol";

/// @notice One of many holders.
contract Member {
    function delegate(IERC20 token, StakeHub hub, uint32 operator, uint64 amountNano) external {
        token.approve(address(hub), amountNano * WEI_PER_NANO);
        hub.delegateTo(operator, amountNano);
    }
}

/// @notice Makes holders that each delegate to one operator, with what it has.
contract Crowd {
    address private immutable _member = address(new Member());

    function delegate(IERC20 token, StakeHub hub, uint32 operator, uint64 amountNano, uint256 members) external {
        for (uint256 i; i < members; ++i) {
            Member member = Member(Clones.clone(_member));
            require(token.transfer(address(member), amountNano * WEI_PER_NANO), "not moved");
            member.delegate(token, hub, operator, amountNano);
        }
    }
}
