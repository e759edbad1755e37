import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";
import type { Parameters } from "./parameters.ts";

export function tokenModule({ token }: Parameters) {
  return buildModule("token", (m) => ({ opg: m.contract("OPG", [token.allocations]) }));
}
