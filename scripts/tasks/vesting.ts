import { emptyTask, task } from "hardhat/config";
import { ArgumentType } from "hardhat/types/arguments";

type Shape = { about: string; argument?: string; options?: string[]; flags?: string[] };

/** The auditor's commands of `opg vesting`, by the same names and options, on the network that Hardhat is given. */
const COMMANDS: Record<string, Shape> = {
  report: {
    about: "What the schedule said, what the chain shows, the difference; exit 1 on any",
    options: ["lens", "book", "until", "html"],
    flags: ["json"],
  },
  calendar: { about: "The next unlocks by category", options: ["lens", "next", "from", "html"], flags: ["json"] },
  export: { about: "The calendar as json, csv, ics, defillama or tokenomist", options: ["lens", "format", "out"] },
  "verify-book": { about: "Check a book file against the chain", argument: "file", options: ["lens"], flags: ["json"] },
  show: { about: "How one grant stands", argument: "grant", options: ["lens"], flags: ["json"] },
};

export const vestingTasks = [
  emptyTask("vesting", "Locked OPG: check, show, export").build(),
  ...Object.entries(COMMANDS).map(([name, { about, argument, options = [], flags = [] }]) => {
    let builder = task(["vesting", name], about);
    if (argument) builder = builder.addPositionalArgument({ name: argument });
    for (const option of options) {
      builder = builder.addOption({
        name: option,
        description: `As in \`opg vesting ${name} --help\``,
        type: ArgumentType.STRING_WITHOUT_DEFAULT,
        defaultValue: undefined,
      });
    }
    for (const flag of flags) builder = builder.addFlag({ name: flag, description: "Print one JSON object on stdout" });
    const shape = { name, argument, options, flags };
    return builder
      .setAction(async () => {
        const { vestingAction } = await import("./vesting.action.ts");
        return { default: (args: Record<string, unknown>, hre) => vestingAction(shape, args, hre) };
      })
      .build();
  }),
];
