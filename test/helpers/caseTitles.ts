import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A test that shows a case of the list of known failures. */
export type CaseTest = { number: number; file: string; title: string };

/**
 * All tests whose title begins with the numbers of cases: `case 23: …`, `cases 8, 9: …`, in Solidity `test_57_…`.
 * @param folder Its files are named from here on.
 */
export function caseTests(folder: string): CaseTest[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|sol)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
    .flatMap((file) => titlesOf(readFileSync(join(folder, file), "utf8")).map((test) => ({ ...test, file })));
}

function titlesOf(source: string): Omit<CaseTest, "file">[] {
  const mocha = [...source.matchAll(/\bit\(\s*(["`])cases? ([\d, ]+): (.*?)\1,/gs)].map(([, , numbers, title]) => {
    return { numbers: numbers as string, title: title as string };
  });
  const solidity = [...source.matchAll(/function (test(?:Fuzz)?_((?:\d+_)+)\w+)\(/g)].map(([, title, numbers]) => {
    return { numbers: (numbers as string).replaceAll("_", " "), title: title as string };
  });
  return [...mocha, ...solidity].flatMap(({ numbers, title }) =>
    (numbers.match(/\d+/g) as string[]).map((number) => ({ number: Number(number), title })),
  );
}
