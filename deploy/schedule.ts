import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "../src/core/errors.ts";
import { type LaunchSchedule, parseSchedule } from "../src/vesting/scheduleFile.ts";
import type { Parameters } from "./parameters.ts";

const FOLDER = fileURLToPath(new URL("./schedules", import.meta.url));

/**
 * The schedule of a network: the file that its parameters name, with their grants where they have any. `parametersFile` is how
 * a refusal names the parameters. Throws `no_schedule` or `bad_schedule`.
 */
export async function readSchedule({ token }: Parameters, parametersFile: string): Promise<LaunchSchedule> {
  const path = resolve(FOLDER, token.schedule);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError("There is no such schedule", {
      code: "no_schedule",
      facts: { path },
      hint: "token.schedule in the parameters names a file in deploy/schedules/, or has an absolute path",
      cause,
    });
  });
  const name = path.startsWith(FOLDER) ? `deploy/schedules/${relative(FOLDER, path)}` : path;
  const { grants } = token;
  const other = grants && { entries: grants, file: parametersFile, path: ["token", "grants"] };
  return parseSchedule(name, bytes, other);
}
