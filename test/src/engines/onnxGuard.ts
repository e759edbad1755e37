import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { keccak256, solidityPacked } from "ethers";
import { toHex } from "../../../src/core/hashing/hex.ts";
import { sha256 } from "../../../src/core/hashing/sha256.ts";
import { checkedArtifact, engineOf, type Manifest, readManifest } from "../../../src/core/manifest.ts";
import { parseChatRequest } from "../../../src/core/openai.ts";
import type { DriverEnd, DriverEvent } from "../../../src/engines/driver.ts";
import {
  byteTrigrams,
  type Classifier,
  classifiedText,
  loadClassifier,
  onnxGuard,
  verdictIds,
  verdictText,
} from "../../../src/engines/onnxGuard.ts";
import { failure } from "../../helpers/failure.ts";

/*
onnxGuard
├── byteTrigrams: as the model's vectors have them; A–Z lowered, counts up to 255
├── classify: label and logits of every vector, exactly
├── classifiedText
│  ├── what the user said last, parts joined
│  └── when no user said anything: no_user_message
├── verdictText, verdictIds: the same bytes everywhere
└── run
   ├── answers in one piece or as events, then ends with the hash of the logits
   └── when no output is paid for: nothing, cut by length
*/
type Vector = { text: string; featuresSha256: string; logits: number[]; label: string };

describe("onnxGuard", () => {
  let manifest: Manifest;
  let vectors: Vector[];
  let classifier: Classifier;
  before(async () => {
    manifest = await readManifest("models/opg-guard");
    vectors = JSON.parse(await readFile("models/opg-guard/vectors.json", "utf8"));
    const path = (await checkedArtifact(manifest, `0x${manifest.artifactSha256}`)) as string;
    classifier = await loadClassifier(path, manifest.labels ?? []);
  });
  after(() => classifier?.close());

  it("makes the features of all 56 vectors", () => {
    expect(vectors.length).to.equal(56);
    for (const { text, featuresSha256 } of vectors) {
      expect(toHex(sha256(byteTrigrams(text))), text).to.equal(`0x${featuresSha256}`);
    }
  });

  it("classifies all 56 vectors exactly", async () => {
    for (const { text, label, logits } of vectors) {
      expect(await classifier.classify(text), text).to.deep.equal({ label, logits });
    }
  });

  it("classifies many at once as one by one", async () => {
    const verdicts = await Promise.all(vectors.map(({ text }) => classifier.classify(text)));
    expect(verdicts).to.deep.equal(vectors.map(({ label, logits }) => ({ label, logits })));
  });

  describe("byteTrigrams", () => {
    const counted = (text: string) => byteTrigrams(text).reduce((sum, count) => sum + count, 0);

    it("lowers A–Z alone", () => {
      expect(byteTrigrams("PAY Bob")).to.deep.equal(byteTrigrams("pay bob"));
      expect(byteTrigrams("Ä")).not.to.deep.equal(byteTrigrams("ä"));
      expect(byteTrigrams("@[")).not.to.deep.equal(byteTrigrams("`{"));
    });

    for (const [text, trigrams] of [
      ["", 0],
      ["a", 1],
      ["ab", 2],
      ["ü", 2],
    ] as const) {
      it(`counts ${trigrams} in ${JSON.stringify(text)}`, () => expect(counted(text)).to.equal(64 * trigrams));
    }

    it("stops counting at 255", () => {
      expect(Math.max(...byteTrigrams("aaa"))).to.equal(64);
      expect(Math.max(...byteTrigrams("aaaaaa"))).to.equal(255);
      expect(Math.max(...byteTrigrams("a".repeat(10_000)))).to.equal(255);
    });
  });

  const bodyOf = (...messages: object[]) => parseChatRequest(Buffer.from(JSON.stringify({ model: "m", messages })));
  const user = (content: unknown) => ({ role: "user", content });

  describe("classifiedText", () => {
    for (const [what, messages, text] of [
      ["one message", [user("a")], "a"],
      ["the last of several", [user("a"), user("b"), { role: "assistant", content: "c" }], "b"],
      [
        "parts",
        [
          user([
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ]),
        ],
        "ab",
      ],
      ["nothing said", [user(null)], ""],
    ] as [string, object[], string][]) {
      it(`is ${what}`, () => expect(classifiedText(bodyOf(...messages))).to.equal(text));
    }

    it("needs a user", async () => {
      const error = await failure(() => classifiedText(bodyOf({ role: "system", content: "x" })));
      expect(error).to.include({ name: "InputError", code: "no_user_message" });
    });
  });

  it("says a verdict in the same bytes everywhere", () => {
    const verdict = { label: "pay", logits: [1, -1, 2 ** 31 - 1, -(2 ** 31)] };
    expect(verdictText(verdict)).to.equal('{"label":"pay","logits":[1,-1,2147483647,-2147483648]}');
    expect(toHex(verdictIds(verdict))).to.equal(
      keccak256(solidityPacked(["int32", "int32", "int32", "int32"], verdict.logits)),
    );
  });

  describe("run", () => {
    const frame = { id: "i", created: 1, model: "opg-guard" };
    const run = async (stream: boolean, maxOutputUnits = 1) => {
      const driver = onnxGuard(classifier, engineOf(manifest));
      const body = { ...bodyOf(user(vectors[0]?.text)), stream };
      expect(driver.inputUnitsAtMost(body)).to.equal(1);
      const events: DriverEvent[] = [];
      const request = { body, frame, maxOutputUnits, seed: 7n };
      for await (const event of driver.run(request, new AbortController().signal)) events.push(event);
      const end = events.pop() as DriverEnd;
      const text = events.map((event) => Buffer.from((event as { bytes: Uint8Array }).bytes).toString());
      return { text, end };
    };
    const ended = { type: "end", inputUnits: 1, seed: 7n };

    it("answers in one piece", async () => {
      const { text, end } = await run(false);
      const { label, logits } = vectors[0] as Vector;
      expect(text.length).to.equal(1);
      const answer = JSON.parse(text[0] as string);
      expect(answer.choices[0]).to.deep.include({ finish_reason: "stop" });
      expect(answer.choices[0].message.content).to.equal(verdictText({ label, logits }));
      expect(answer.usage).to.deep.equal({ prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 });
      expect(end).to.deep.equal({
        ...ended,
        finishReason: "stop",
        outputUnits: 1,
        outputIds: verdictIds({ label, logits }),
      });
    });

    it("answers as events", async () => {
      const { text, end } = await run(true);
      const events = text.map((event) => JSON.parse(event.replace(/^data: /, "")).choices[0]);
      expect(text.every((event) => /^data: .*\n\n$/.test(event))).to.equal(true);
      expect(events.map(({ finish_reason }) => finish_reason)).to.deep.equal([null, "stop"]);
      expect(JSON.parse(events[0].delta.content).label).to.equal(vectors[0]?.label);
      expect(end).to.include({ finishReason: "stop", outputUnits: 1 });
    });

    for (const stream of [false, true]) {
      it(`gives nothing when no output is paid for (${stream ? "streamed" : "in one piece"})`, async () => {
        const { text, end } = await run(stream, 0);
        expect(text.join("")).not.to.include("logits");
        expect(end).to.include({ finishReason: "length", outputUnits: 0 });
      });
    }
  });
});
