import { type Command, InvalidArgumentError, Option } from "commander";

// The commands' own modules are loaded when they run.
const commands = () => import("../commands/rewards.ts");

const json = () => new Option("--json", "print one JSON object on stdout, and nothing else there");
const epoch = (text: string) => {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Epochs are numbered from 1.");
};
const also = (text: string, others: string[] = []) => [...others, text];

export const source = (command: Command) =>
  command
    .option("--rpc <url>", "an archive node's RPC; RPC_URL without it")
    .option("--deployment <file>", "deployments/<network>.json; OPG_DEPLOYMENT without it")
    .option("--data-dir <folder>", "keeps files that were found; DATA_DIR without it")
    .option("--data-url <url>", "a gateway, verifier or other server to ask first for files; more than one", also)
    .addOption(json());

export const sending = (command: Command) =>
  source(command).option("--dry-run", "simulate and show what would be sent, but send nothing", false);

const ofEpoch = (command: Command) => command.requiredOption("--epoch <n>", "which epoch", epoch);

/** Adds the commands of rewards to a program. */
export function addRewards(rewards: Command): void {
  ofEpoch(source(rewards.command("recompute")))
    .description(
      "compute an epoch's root from the chain and published files; exit 1 when the posted one differs, with where",
    )
    .action(async (options) => (await commands()).recompute(options));

  source(rewards.command("explain"))
    .description("why an account got what it got: receipts, stakes, datasets, scaling, caps")
    .argument("<account>", "its address")
    .argument("<epoch>", "which epoch", epoch)
    .action(async (account: string, of: number, options) => (await commands()).explain(account, of, options));

  source(rewards.command("show"))
    .description("what is funded, promised, paid and rolls over, and the root that waits")
    .action(async (options) => (await commands()).show(options));

  ofEpoch(source(rewards.command("export")))
    .description("the published file of an epoch, whose SHA-256 is the root's data hash")
    .option("--out <file>", "write to a file; stdout without it")
    .action(async (options) => (await commands()).exportFile(options));

  sending(rewards.command("post"))
    .description(
      "compute the next epoch, have it signed, post and attest it; OPG_KEY owns an operator and puts up the bond",
    )
    .option("--epoch <n>", "fail unless this is the next one", epoch)
    .option("--withheld <settler/number>", "leave out a batch whose file nobody has; more than one", also)
    .action(async (options) => (await commands()).post(options));

  ofEpoch(source(rewards.command("sign")))
    .description("recompute the root that waits and sign it with the verifier's attested key (VERIFIER_NODE)")
    .action(async (options) => (await commands()).sign(options));

  sending(rewards.command("refute"))
    .description("remove the root that waits, where the contract can see by itself that it is wrong")
    .action(async (options) => (await commands()).refute(options));

  sending(rewards.command("challenge"))
    .description(
      "freeze a wrong root that waits until governance decides; OPG_KEY puts up a bond as large as the poster's",
    )
    .option("--reason <text>", "at most 31 bytes", "wrong amounts")
    .option("--force", "also when it is what was computed here", false)
    .action(async (options) => (await commands()).challenge(options));

  sending(rewards.command("claim"))
    .description("pay what is due under the active root; OPG_KEY pays the gas")
    .argument("[accounts...]", "whom; OPG_KEY's account without any")
    .action(async (accounts: string[], options) => (await commands()).claim(accounts, options));

  sending(rewards.command("claim-many"))
    .description("pay all accounts of a file in one transaction")
    .argument("<file>", "one address a line")
    .action(async (path: string, options) => (await commands()).claimMany(path, options));
}
