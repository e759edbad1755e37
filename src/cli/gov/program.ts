import { Argument, type Command, InvalidArgumentError, Option } from "commander";

// The commands' own modules are loaded when they run.
const commands = () => import("../commands/gov.ts");

const json = () => new Option("--json", "print one JSON object on stdout, and nothing else there");
const whole = (text: string) => {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
};
/** Decimal as governors print it, or hexadecimal. */
const proposal = (text: string) => {
  if (/^(\d{1,78}|0x[0-9a-fA-F]{1,64})$/.test(text) && BigInt(text) < 2n ** 256n) return BigInt(text);
  throw new InvalidArgumentError("It must be a proposal's id, a number that `opg gov list` shows.");
};

const source = (command: Command) =>
  command
    .option("--governor <address>", "the governor; without it the deployment file names it")
    .option("--rpc <url>", "any RPC of the chain; RPC_URL without it")
    .option("--deployment <file>", "deployments/<network>.json; OPG_DEPLOYMENT without it")
    .addOption(json());

const sending = (command: Command) =>
  source(command)
    .option("--dry-run", "simulate and show what would be sent, but send nothing", false)
    .option("--from <address>", "with --dry-run: whose transaction it will be, instead of OPG_KEY's account");

/** Adds the commands of governance to a program. */
export function addGov(gov: Command): void {
  sending(gov.command("propose"))
    .description("propose the calls of a JSON file; OPG_KEY is the proposer, and nobody else can propose them so")
    .argument("<file>", '{"description", "calls": [{"target", "function", "args"}]}')
    .option("--description <text>", "why; instead of the file's")
    .action(async (file: string, options) => (await commands()).propose(file, options));

  sending(gov.command("vote"))
    .description("vote with OPG_KEY's stake")
    .argument("<proposal>", "its id", proposal)
    .addArgument(new Argument("<support>", "which way").choices(["for", "against", "abstain", "parts"]))
    .option("--parts <against,for,abstain>", "with `parts`: amounts in OPG")
    .option("--reason <text>", "goes along with the vote", "")
    .action(async (id: bigint, support, options) => (await commands()).vote(id, support, options));

  for (const [name, description] of [
    ["queue", "hand a proposal that was won to the timelock; anybody can"],
    ["execute", "execute what has waited in the timelock; anybody can"],
    ["cancel", "end a proposal: its proposer before the vote, the guardian until it is executed"],
  ] as const) {
    sending(gov.command(name))
      .description(description)
      .argument("<proposal>", "its id", proposal)
      .action(async (id: bigint, options) => (await commands())[name](id, options));
  }

  sending(gov.command("hand-over"))
    .description("make the governor the timelock's only proposer: a proposer schedules it, later anybody executes it")
    .action(async (options) => (await commands()).handOver(options));

  source(gov.command("show"))
    .description("how a proposal stands, what it calls, and what stands there now")
    .argument("<proposal>", "its id", proposal)
    .action(async (id: bigint, options) => (await commands()).show(id, options));

  source(gov.command("list"))
    .description("all proposals, the newest first")
    .option("--from-block <n>", "leave earlier ones out; the deployment's block without it", whole)
    .action(async (options) => (await commands()).list(options));
}
