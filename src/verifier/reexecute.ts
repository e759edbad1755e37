import { createParser } from "eventsource-parser";
import { z } from "zod";
import { InputError } from "../core/errors.ts";
import { equalBytes, type Hex, toHex } from "../core/hashing/hex.ts";
import { sha256 } from "../core/hashing/sha256.ts";
import { parseJson } from "../core/http/body.ts";
import { parseChatRequest } from "../core/openai.ts";
import { inputCommitment, outputCommitment } from "../core/protocol/commitments.ts";
import { Mode, type Receipt, Status } from "../core/protocol/receipt.ts";
import type { Submission } from "../core/protocol/submission.ts";
import { type Classifier, classifiedText, verdictIds, verdictText } from "../engines/onnxGuard.ts";

/** Models that this enclave can run itself, bit for bit: version id → model. */
export type ExactModels = ReadonlyMap<Hex, Classifier>;

/**
 * What mode TEE demands: the enclave itself runs the request and finds the same answer. Only exact models can be
 * demanded so. Throws an `InputError` when the answer differs or the model is not here.
 */
export async function checkMode(models: ExactModels, receipt: Receipt, submission: Submission): Promise<void> {
  if (receipt.mode === Mode.SIGNED || receipt.status !== Status.OK) return;
  if (receipt.mode !== Mode.TEE) throw mismatch("mode", { mode: receipt.mode, reason: "not offered by this verifier" });
  const { opening, payment, evidence } = submission;
  if (!opening || !evidence) throw mismatch("opening", { reason: "mode TEE needs the request and the answer" });
  if (!equalBytes(inputCommitment(payment.salt, opening.request), receipt.inputHash)) throw mismatch("inputHash", {});
  if (!equalBytes(outputCommitment(payment.salt, sha256(opening.response)), receipt.outputHash)) {
    throw mismatch("outputHash", {});
  }
  const model = models.get(toHex(receipt.modelVersion));
  if (!model) throw mismatch("modelVersion", { version: toHex(receipt.modelVersion), reason: "not run here" });

  const body = legible("request", () => parseChatRequest(opening.request));
  const verdict = await model.classify(legible("request", () => classifiedText(body)));
  const answered = legible("answer", () => answerText(opening.response, body.stream === true));
  if (answered !== verdictText(verdict)) throw mismatch("answer", { answered: answered.slice(0, 120) });
  if (!equalBytes(verdictIds(verdict), evidence.outputIds)) throw mismatch("outputIds", {});
}

const said = z.looseObject({ content: z.string().nullish() });
const answerSchema = z.looseObject({
  choices: z.array(z.looseObject({ message: said.nullish(), delta: said.nullish() })).nullish(),
});

/** The text of an answer as the client reads it. Throws an `InputError` when it is none. */
export function answerText(response: Uint8Array, streamed: boolean): string {
  const text = Buffer.from(response).toString("utf8");
  const choice = (json: string) => parseJson(answerSchema, json, "The answer").choices?.[0];
  if (!streamed) return choice(text)?.message?.content ?? "";
  let content = "";
  const parser = createParser({
    onEvent({ data }) {
      content += choice(data)?.delta?.content ?? "";
    },
  });
  parser.feed(text);
  return content;
}

/** What cannot be read cannot be confirmed either: the receipt is at fault, and the settler may take it back. */
function legible<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof InputError ? mismatch(field, { reason: error.shortMessage }) : error;
  }
}

function mismatch(field: string, facts: Record<string, unknown>): InputError {
  return new InputError(`Running it again does not confirm the receipt's ${field}`, {
    code: "bad_receipt",
    facts: { field, ...facts },
  });
}
