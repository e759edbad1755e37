import { writeFile } from "node:fs/promises";
import { merkleVectors } from "../test/helpers/merkleVectors.ts";

/** Writes `test/vectors/merkle.json`. Run it only when the format of receipts, leaves or trees is meant to change. */
await writeFile(
  new URL("../test/vectors/merkle.json", import.meta.url),
  `${JSON.stringify(merkleVectors(), null, 2)}\n`,
);
