import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import type { DatasetUse } from "../core/chain/models.ts";
import { InputError } from "../core/errors.ts";
import { type Hex, toHex } from "../core/hashing/hex.ts";
import { Mode, Status } from "../core/protocol/receipt.ts";
import { formatOpg } from "../core/units.ts";
import { addGov } from "./gov/program.ts";
import { fail, lines, print } from "./output.ts";
import { addDataset } from "./rewards/dataset.ts";
import { addRewards } from "./rewards/program.ts";
import { ROLES, type Role } from "./roles/names.ts";
import { addStake } from "./stake/program.ts";
import { addVesting } from "./vesting/program.ts";

// A command's own modules are loaded when it runs: help and a wrong option answer at once.
const operator = () => import("./commands/operator.ts");
const payer = () => import("./commands/payer.ts");

const json = () => new Option("--json", "print one JSON object on stdout, and nothing else there");
/** A whole number of at least `least`, as text is given on the command line. */
const whole = (least: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
};
const use = (text: string, before: DatasetUse[]): DatasetUse[] => {
  const [, dataset, weight] = /^(0x[0-9a-f]{64})=(\d{1,7})$/i.exec(text) ?? [];
  if (dataset && weight) return [...before, { dataset: dataset as Hex, weightPpm: Number(weight) }];
  throw new InvalidArgumentError("It must be a dataset's id, = and its parts per million.");
};
const nameOf = (values: Record<string, number>, value: number) =>
  Object.entries(values).find(([, entry]) => entry === value)?.[0] ?? String(value);

const program = new Command("opg")
  .description("Verifiable inference: run nodes, buy answers, check receipts. Settings come from the environment.")
  .showHelpAfterError()
  .configureOutput({ writeOut: (text) => process.stdout.write(text), writeErr: (text) => process.stderr.write(text) });

program
  .command("up")
  .description("run roles in this process until it is stopped")
  .requiredOption("--roles <list>", `of ${ROLES.join(", ")}, with commas between`)
  .addOption(json())
  .action(async ({ roles, json: asJson }: { roles: string; json?: boolean }) => {
    const chosen = roles.split(",").map((role) => role.trim()) as Role[];
    const unknown = chosen.find((role) => !ROLES.includes(role));
    if (unknown !== undefined) {
      throw new InputError("There is no such role", {
        code: "bad_roles",
        facts: { given: unknown, known: ROLES.join(", ") },
      });
    }
    const { up } = await import("./commands/up.ts");
    await up(chosen, (urls) => print(urls, { json: asJson === true }, lines));
  });

program
  .command("infer")
  .description("ask a model once, pay from a reservation, check the receipt")
  .argument("<text>", "the user's message")
  .option("--model <name>", "name, name@version or version id", "opg-chat")
  .option("--max-tokens <n>", "most units of output", whole(1), 256)
  .option("--stream", "print the answer as it comes")
  .addOption(json())
  .action(async (content: string, options: { model: string; maxTokens: number; stream?: boolean; json?: boolean }) => {
    const live = options.stream === true && options.json !== true;
    const [{ withSession }, { infer }] = await Promise.all([payer(), import("../sdk/infer.ts")]);
    const answer = await withSession((session) =>
      infer(session, {
        model: options.model,
        messages: [{ role: "user", content }],
        maxTokens: options.maxTokens,
        ...(options.stream ? { onText: (piece: string) => live && process.stdout.write(piece) } : {}),
      }),
    );
    const { receipt } = answer;
    print(answer, options, ({ text }) =>
      [
        live ? "" : text,
        lines({
          receipt: toHex(receipt.requestId),
          status: nameOf(Status, receipt.status),
          mode: nameOf(Mode, receipt.mode),
          price: `${formatOpg(receipt.priceNano)} OPG`,
          worker: `node ${receipt.worker}`,
          verifier: `node ${receipt.verifier}`,
        }),
      ].join("\n\n"),
    );
  });

program
  .command("verify")
  .description("check a receipt: under an attested verifier's signature, and settled on chain?")
  .argument("<receipt>", "a receipt's id at the gateway, or a file that holds an answer or its receipt")
  .addOption(json())
  .action(async (receipt: string, options: { json?: boolean }) => {
    const { verify } = await payer();
    print(await verify(receipt), options, (verdict) =>
      lines({
        attested: verdict.attested,
        settled: verdict.settled,
        sequence: verdict.receipt.sequence,
        status: nameOf(Status, verdict.receipt.status),
        price: `${formatOpg(verdict.receipt.priceNano)} OPG`,
      }),
    );
  });

program
  .command("proxy")
  .description("serve an OpenAI-compatible address on this machine that pays from a reservation")
  .option("--port <n>", "port to listen on", whole(0), 8403)
  .action(async ({ port }: { port: number }) => {
    const [{ withSession }, { createProxy }, { serveApp }, { createLogger }] = await Promise.all([
      payer(),
      import("../sdk/proxy.ts"),
      import("../core/http/serve.ts"),
      import("../core/logger.ts"),
    ]);
    await withSession(async (session) => {
      const server = await serveApp(createProxy(session, createLogger()), { port });
      print({ url: `${server.url}/v1` }, {}, lines);
      await new Promise((resolve) => {
        for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
      });
      await server.close();
    });
  });

program
  .command("reserve")
  .description("deposit OPG for a settler; prints the reservation and its voucher key")
  .argument("<amount>", "in OPG, for example 12.5")
  .addOption(json())
  .action(async (amount: string, options: { json?: boolean }) => {
    const { reserve } = await payer();
    print(await reserve(amount), options, ({ settler, reservation, terms, voucherKey }) =>
      lines({
        SETTLER: settler,
        RESERVATION: reservation,
        PAYER: terms.payer,
        POLICY: terms.policy,
        VOUCHER_KEY: voucherKey,
      }),
    );
  });

const keeper = program.command("keeper").description("what runs on cron");
keeper
  .command("run")
  .argument(
    "<name>",
    "settle: commits batches; answer: proves debits that are claimed against; vesting: claims what is due; " +
      "watch: claims for payers what settlers took without a right to it; " +
      "stand-in: answers for a verifier's operator when the settler is silent; " +
      "epoch: computes, posts and activates roots of rewards; rewards-watch: refutes or challenges wrong ones; " +
      "compound: adds rewards to stakes",
  )
  .option("--once", "one pass, then exit: 0 done, 1 wrong input, 75 try again", false)
  .option("--dry-run", "plan, but have nothing signed and send nothing", false)
  .option("--interval <seconds>", "between passes", whole(1), 10)
  .addOption(json())
  .action(async (name: string, options: { once: boolean; dryRun: boolean; interval: number; json?: boolean }) => {
    const run = { once: options.once, dryRun: options.dryRun, intervalSeconds: options.interval };
    const { runKeeper } = await import("./commands/keeper.ts");
    await runKeeper(name, run, (outcomes) =>
      print({ outcomes }, options, () => outcomes.map(({ outcome }) => outcome).join(", ") || "nothing to do"),
    );
  });

program
  .command("node")
  .description("nodes of OPG_KEY's operator")
  .command("register")
  .argument("<class>", "worker, verifier or settler")
  .option("--endpoint <url>", "where it is reached", "")
  .option("--models <folders...>", "model folders whose engines it runs", [])
  .option("--key <hex>", "the node's key; a new one without it")
  .addOption(json())
  .action(async (kind: string, options: { endpoint: string; models: string[]; key?: string; json?: boolean }) => {
    const { addNode } = await operator();
    print(await addNode(kind, options), options, lines);
  });

program
  .command("settler")
  .description("OPG_KEY's operator as a settler")
  .command("open")
  .description("open it, or name another committer")
  .option(
    "--committer <address>",
    "sends its batches and speaks for it to verifiers; without it a new key, or the one that stands",
  )
  .addOption(json())
  .action(async ({ committer, ...options }: { committer?: string; json?: boolean }) => {
    const { openSettlerCommand } = await operator();
    print(await openSettlerCommand(committer), options, lines);
  });

addStake(program.command("stake").description("money that operators answer with: own bonds and delegations"));

program
  .command("model")
  .description("model versions")
  .command("publish")
  .argument("<folder>", "with a manifest.json")
  .requiredOption("--input-price <nano>", "nano per input unit", whole(0))
  .requiredOption("--output-price <nano>", "nano per output unit", whole(0))
  .option("--royalty <ppm>", "the publisher's part, parts per million", whole(0), 50_000)
  .option("--payee <id>", "the publisher's earnings account; a new one without it", whole(1))
  .option("--uri <uri>", "where the artifact can be had")
  .option(
    "--dataset <id=ppm>",
    "a dataset it was made from, and its part of what contributors get; repeatable",
    use,
    [],
  )
  .addOption(json())
  .action(
    async (
      folder: string,
      options: {
        inputPrice: number;
        outputPrice: number;
        royalty: number;
        payee?: number;
        uri?: string;
        dataset: DatasetUse[];
        json?: boolean;
      },
    ) => {
      const { inputPrice, outputPrice, royalty, payee, uri, dataset: datasets } = options;
      const publication = {
        inputPriceNano: BigInt(inputPrice),
        outputPriceNano: BigInt(outputPrice),
        royaltyPpm: royalty,
        datasets,
        ...(payee ? { payee } : {}),
        ...(uri ? { uri } : {}),
      };
      const { publish } = await operator();
      print(await publish(folder, publication), options, lines);
    },
  );

addVesting(program.command("vesting").description("locked OPG: check, show, export, claim"));
addRewards(program.command("rewards").description("rewards of epochs: recompute, explain, post, sign, refute, claim"));
addDataset(program.command("dataset").description("datasets that models were made from, and who contributed to them"));
addGov(program.command("gov").description("votes of staked OPG: propose, vote, queue, execute, show, list"));

program
  .command("bench")
  .description("figures of this machine")
  .argument("<what>", "gas, receipts or rewards")
  .addOption(json())
  .action((what: string, options: { json?: boolean }) => {
    if (what !== "gas" && what !== "receipts" && what !== "rewards") {
      throw new InputError("There is no such bench", {
        code: "bad_bench",
        facts: { given: what, known: "gas, receipts, rewards" },
      });
    }
    const script = fileURLToPath(new URL(`../../scripts/bench/${what}.ts`, import.meta.url));
    const { status } = spawnSync(process.execPath, [script, ...(options.json ? ["--json"] : [])], { stdio: "inherit" });
    process.exitCode = status ?? 1;
  });

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = fail(error, process.argv.includes("--json"));
}
