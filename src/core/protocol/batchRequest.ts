import { z } from "zod";
import { bytes32, u32, u64 } from "./json.ts";

/** What a settler asks a verifier to sign: the body, whose batch file is the request's other half. */
export const batchBodySchema = z.strictObject({
  settler: u32,
  number: u64,
  root: bytes32,
  rowsHash: bytes32,
  firstSequence: u64,
  count: u32.min(1),
  totalNano: u64,
  feeNano: u64,
  data: bytes32,
  policy: z.int().min(1).max(0xffff),
  deadline: u64,
});
