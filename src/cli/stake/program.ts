import { Argument, type Command, InvalidArgumentError, Option } from "commander";

// The commands' own modules are loaded when they run.
const commands = () => import("../commands/stake.ts");

const json = () => new Option("--json", "print one JSON object on stdout, and nothing else there");
const operator = (text: string) => {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError("It must be an operator's id, a whole number of at least 1.");
};
const percent = (text: string) => {
  const match = /^(\d{1,3})(?:\.(\d{1,4}))?$/.exec(text);
  if (match) return Number(match[1]) * 10_000 + Number((match[2] ?? "").padEnd(4, "0"));
  throw new InvalidArgumentError("It must be percent with at most four decimals, for example 7.5.");
};

const sending = (command: Command) =>
  command.option("--dry-run", "simulate and show what would be sent, but send nothing", false).addOption(json());

/** Adds the commands of staking to a program. */
export function addStake(stake: Command): void {
  sending(stake.command("bond"))
    .description("add to an operator's own bond, whoever's it is; OPG_KEY pays")
    .argument("<operator>", "operator id", operator)
    .argument("<amount>", "in OPG")
    .action(async (id, amount, options) => (await commands()).bond(id, amount, options));

  sending(stake.command("delegate"))
    .description("delegate OPG_KEY's OPG to an operator; at least 1 OPG")
    .argument("<operator>", "operator id", operator)
    .argument("<amount>", "in OPG")
    .action(async (id, amount, options) => (await commands()).delegate(id, amount, options));

  sending(stake.command("undelegate"))
    .description("take OPG out of a delegation; paid after the unbonding time, slashable until then")
    .argument("<operator>", "operator id", operator)
    .argument("<amount>", "in OPG, or all")
    .action(async (id, amount, options) => (await commands()).undelegate(id, amount, options));

  sending(stake.command("unbond"))
    .description(
      "take OPG out of the own bond of OPG_KEY's operator; paid after the unbonding time, slashable until then",
    )
    .argument("<operator>", "operator id", operator)
    .argument("<amount>", "in OPG")
    .action(async (id, amount, options) => (await commands()).unbond(id, amount, options));

  sending(stake.command("cancel"))
    .description("take back at once what does not count yet")
    .argument("<operator>", "operator id", operator)
    .option("--bond", "of the own bond, as its owner; without it of OPG_KEY's delegation", false)
    .action(async (id, options) => (await commands()).cancel(id, options));

  sending(stake.command("withdraw"))
    .description("pay out everything that is due of a holder and, to its owner, of the own bond; anybody can send it")
    .argument("<operator>", "operator id", operator)
    .option("--holder <address>", "whose delegation; OPG_KEY's account without it")
    .action(async (id, options) => (await commands()).withdraw(id, options));

  sending(stake.command("commission"))
    .description("announce what OPG_KEY's operator keeps of its delegators' rewards; counts after the notice")
    .argument("<operator>", "operator id", operator)
    .argument("<percent>", "of what delegators earn, at most 5 more or less than now", percent)
    .action(async (id, ppm, options) => (await commands()).commission(id, ppm, options));

  sending(stake.command("vote"))
    .description("let a delegation count as votes, or no longer")
    .argument("<operator>", "operator id", operator)
    .addArgument(new Argument("<state>", "on or off").choices(["on", "off"]))
    .option("--bond", "the own bond, as its owner; without it OPG_KEY's delegation", false)
    .action(async (id, state, options) => (await commands()).vote(id, state, options));

  sending(stake.command("roll"))
    .description("let everything count that has waited for long enough; anybody can send it")
    .argument("<operator>", "operator id", operator)
    .action(async (id, options) => (await commands()).roll(id, options));

  stake
    .command("show")
    .description("what counts, waits and leaves, with dates, and what a holder earned")
    .argument("[operator]", "operator id; OPG_KEY's operator without it", operator)
    .option("--holder <address>", "a delegator")
    .addOption(json())
    .action(async (id, options) => (await commands()).show(id, options));

  stake
    .command("what-if")
    .description("what can be lost, by event and in two unbonding times, and when one can leave")
    .argument("[operator]", "operator id; OPG_KEY's operator without it", operator)
    .option("--holder <address>", "a delegator")
    .option("--amount <opg>", "as if the holder delegated that much more")
    .addOption(json())
    .action(async (id, options) => (await commands()).whatIf(id, options));

  stake
    .command("slash-table")
    .description("every parameter of what a slash takes, its bound, and who can move it")
    .addOption(json())
    .action(async (options) => (await commands()).slashTable(options));
}
