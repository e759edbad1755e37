import { type Command, InvalidArgumentError, Option } from "commander";
import { parseTime } from "../../vesting/calendar.ts";
import { EXPORT_FORMATS, type ExportFormat } from "../../vesting/exports/formats.ts";
import type { Rpc } from "../../vesting/rpc.ts";

// The commands' own modules are loaded when they run.
const commands = () => import("../commands/vesting.ts");

const json = () => new Option("--json", "print one JSON object on stdout, and nothing else there");
const whole = (text: string) => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
};
/** A day, or a moment of it, in UTC. */
const moment = (text: string) => {
  try {
    return parseTime(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  } catch {
    throw new InvalidArgumentError("It must be an existing day or moment in UTC: 2034-05-01 or 2034-05-01T00:00:00Z.");
  }
};

const source = (command: Command) =>
  command
    .option("--lens <address>", "the schedule lens; without it the deployment file names it")
    .option("--rpc <url>", "any RPC of the chain; RPC_URL without it")
    .option("--deployment <file>", "deployments/<network>.json; OPG_DEPLOYMENT without it");

/** Adds the auditor's commands to a program; `rpc` takes the place of an address over HTTP. */
export function addVesting(vesting: Command, rpc?: Rpc): void {
  source(vesting.command("report"))
    .description("for every unlock so far: what the schedule said, what the chain shows, the difference; exit 1 on any")
    .option("--book <file>", "the published file; without it the one beside the deployment file")
    .option("--simulate <schedule>", "launch a schedule file on a fresh chain in this process and check that")
    .option("--until <time>", "leave later unlocks out; a day or a moment in UTC", moment)
    .option("--html <file>", "also write the calendar as a page, with the claims and the differences")
    .addOption(json())
    .action(async (options) => (await commands()).report(options, rpc));

  source(vesting.command("calendar"))
    .description("the next unlocks by category")
    .option("--next <n>", "how many", whole, 12)
    .option("--from <time>", "after this moment; now without it", moment)
    .option("--book <file>", "read a book file instead of a chain")
    .option("--schedule <file>", "read a schedule file instead of a chain")
    .option("--html <file>", "write the whole calendar as one self-contained page")
    .addOption(json())
    .action(async (options) => (await commands()).calendar(options, rpc));

  source(vesting.command("export"))
    .description("the whole calendar in another form; the same input gives the same bytes")
    .addOption(new Option("--format <format>", "which").choices(EXPORT_FORMATS).makeOptionMandatory())
    .option("--book <file>", "read a book file instead of a chain")
    .option("--schedule <file>", "read a schedule file instead of a chain")
    .option("--out <file>", "write to a file; stdout without it")
    .action(async (options: { format: ExportFormat }) => (await commands()).exportCalendar(options, rpc));

  source(vesting.command("verify-book"))
    .description("check a published book file by itself and, with a deployment or --lens, against the chain")
    .argument("<file>", "the book file")
    .option("--offline", "do not look at a chain", false)
    .addOption(json())
    .action(async (file: string, options) => (await commands()).verifyBook(file, options, rpc));

  source(vesting.command("show"))
    .description("how one grant stands")
    .argument("<grant>", "its id in the book", whole)
    .addOption(json())
    .action(async (grant: number, options) => (await commands()).show(grant, options, rpc));

  source(vesting.command("claim"))
    .description("pay what is due of some grants, or of all, to their beneficiaries; OPG_KEY pays the gas")
    .argument("[grants...]", "ids in the book; all of them without any", (id, ids: number[]) => [...ids, whole(id)], [])
    .option("--dry-run", "say what would be claimed, and send nothing", false)
    .addOption(json())
    .action(async (grants: number[], options) => (await commands()).claim(grants, options));
}
