import { writeFile } from "node:fs/promises";
import { rewardVectors } from "../test/helpers/rewardVectors.ts";

/** Writes `test/vectors/rewards.json`. Run it only when the format of reward trees is meant to change. */
await writeFile(
  new URL("../test/vectors/rewards.json", import.meta.url),
  `${JSON.stringify(rewardVectors(), null, 2)}\n`,
);
