import type { Command } from "commander";
import { sending, source } from "./program.ts";

// The commands' own modules are loaded when they run.
const commands = () => import("../commands/dataset.ts");

/** Adds the commands of datasets to a program. */
export function addDataset(dataset: Command): void {
  dataset
    .command("pack")
    .description("write a contributors file from JSON, and say its hash and root")
    .argument("<json>", '[{"account", "source", "quality"}, …]; source: 32 bytes, quality: 1 to 2^32 - 1')
    .requiredOption("--out <file>", "where to")
    .option("--json", "print one JSON object on stdout, and nothing else there")
    .action(async (path: string, options) => (await commands()).pack(path, options));

  sending(dataset.command("register"))
    .description("register a dataset and who contributed to it; OPG_KEY is its owner and puts up the bond")
    .argument("<data>", "the dataset, as one file")
    .requiredOption("--contributors <file>", "as `pack` writes it, or its JSON")
    .requiredOption("--uri <uri>", "where the contributors file can be had")
    .requiredOption("--licence <spdx>", "SPDX identifier")
    .option("--bond <opg>", "the least that is allowed without it")
    .action(async (data: string, options) => (await commands()).register(data, options));

  source(dataset.command("show"))
    .description("one dataset: who owns it, whether it counts")
    .argument("<id>", "its id")
    .action(async (id: string, options) => (await commands()).show(id, options));

  source(dataset.command("list"))
    .description("all datasets, the oldest first")
    .action(async (options) => (await commands()).list(options));

  sending(dataset.command("retire"))
    .description("end a dataset for epochs that begin later; its bond can be withdrawn after a delay")
    .argument("<id>", "its id")
    .action(async (id: string, options) => (await commands()).retire(id, options));
}
