import { Listr, ListrLogger, ProcessOutput } from "listr2";

/** One step of a longer job. `say` shows what it is doing just now. */
export type Step = { title: string; run(say: (line: string) => void): Promise<void> };

/**
 * Runs steps one after another and shows them on stderr: live on a terminal, a line each elsewhere. Stdout stays free for
 * the result.
 */
export async function runSteps(steps: readonly Step[]): Promise<void> {
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  const tasks = steps.map(({ title, run }) => ({
    title,
    task: (_: unknown, task: { output: unknown }) =>
      run((line) => {
        task.output = line;
      }),
  }));
  const renderer = process.stderr.isTTY ? "default" : "simple";
  await new Listr(tasks, { renderer, rendererOptions: { logger }, registerSignalListeners: false } as never).run();
}
