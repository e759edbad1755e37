// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ITeeRegistry} from "../attestation/ITeeRegistry.sol";
import {ProtocolTimes} from "../common/ProtocolTimes.sol";
import {IModelRegistry} from "../registry/IModelRegistry.sol";
import {IStakeHub} from "../staking/IStakeHub.sol";
import {SlashTable} from "./ICourt.sol";
import {ISettlement} from "./ISettlement.sol";
import {Penalties} from "./Penalties.sol";
import {Reports} from "./Reports.sol";
import {SequenceClaims} from "./SequenceClaims.sol";

/// @notice What a court is made of.
struct CourtConfig {
    IERC20 token;
    ISettlement settlement;
    IStakeHub stakeHub;
    ITeeRegistry teeRegistry;
    IModelRegistry modelRegistry;
    ProtocolTimes times;
    SlashTable table;
    uint64 bondNano;
}

/// @title Court
/// @notice See {ICourt}. {Penalties}, then {DebitClaims}, {SequenceClaims} and {Reports} on top of it; {ReceiptJudge} beside it.
///
/// TRUST
/// @dev The TEE registry for which keys were an enclave's, the model registry for prices. Nobody else: every verdict follows
/// from what the settlement contract committed and from signatures. It holds bonds only.
///
/// INVARIANTS
/// @dev token.balanceOf(this) = bondNano * 1e9 * open claims. A debit and a sequence are claimed once; a claim ends once.
/// Harmed payers come first: a penalty is taken when every debit that was committed before the verdict is either refunded
/// or beyond doubt, and once a batch and kind, so that penalties never eat what refunds need.
contract Court is Reports {
    constructor(
        CourtConfig memory config
    )
        Penalties(config.token, config.settlement, config.stakeHub, config.times, config.table, config.bondNano)
        SequenceClaims(config.teeRegistry, config.modelRegistry)
    {}
}
