import { defineConfig } from "hardhat/config";
import config from "../../hardhat.config.ts";

/** The project's, with another folder of artifacts, in which a mutant lies. */
export default defineConfig({
  ...config,
  paths: { ...config.paths, artifacts: process.env.MUTANT_ARTIFACTS ?? "artifacts" },
});
