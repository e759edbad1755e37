import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { attestationModule } from "./attestation.ts";
import type { launcherModule } from "./launch.ts";
import type { Parameters } from "./parameters.ts";
import type { registryModule } from "./registry.ts";
import type { stakingModule } from "./staking.ts";
import type { tokenModule } from "./token.ts";

type Needs = {
  token: ReturnType<typeof tokenModule>;
  launcher: ReturnType<typeof launcherModule>;
  registry: ReturnType<typeof registryModule>;
  attestation: ReturnType<typeof attestationModule>;
  staking: ReturnType<typeof stakingModule>;
};

const DATA_MODES = { OFFCHAIN: 0, CALLDATA: 1 };

/** Settlement, its court and the views on receipts; then names the court in settlement and stake hub. */
export function settlementModule({ settlement: s, court: c, governance, times, treasury }: Parameters, needs: Needs) {
  return buildModule("settlement", (m) => {
    const { opg } = m.useModule(needs.token);
    const { timelock } = m.useModule(needs.launcher);
    const { nodeRegistry, modelRegistry } = m.useModule(needs.registry);
    const { teeRegistry } = m.useModule(needs.attestation);
    const { stakeHub } = m.useModule(needs.staking);

    const policies = s.policies.map((policy) => ({
      ...policy,
      dataMode: DATA_MODES[policy.dataMode],
      retiredAt: 0,
      pausedUntil: 0,
    }));
    const settlement = m.contract("Settlement", [
      {
        token: opg,
        nodes: nodeRegistry,
        teeRegistry,
        stakeHub,
        governance: timelock,
        guardian: governance.guardian,
        treasury,
        ringSize: s.ringSize,
        times,
      },
      policies,
    ]);
    const { bondNano, ...table } = c;
    const court = m.contract("Court", [
      { token: opg, settlement, stakeHub, teeRegistry, modelRegistry, times, table, bondNano },
    ]);
    const receiptVerifier = m.contract("ReceiptVerifier", [settlement, teeRegistry]);
    m.call(settlement, "setCourt", [court]);
    m.call(stakeHub, "setSlasher", [court]);
    return { settlement, court, receiptVerifier };
  });
}
