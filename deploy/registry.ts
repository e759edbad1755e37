import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

export function registryModule() {
  return buildModule("registry", (m) => ({
    nodeRegistry: m.contract("NodeRegistry"),
    modelRegistry: m.contract("ModelRegistry"),
  }));
}
