import {
  findNodeAtLocation,
  getNodePath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { InputError } from "../core/errors.ts";

export type Path = (string | number)[];

/** Where an entry stands in a file; `line` counts from 1 and is absent where the file's lines are not known. */
export type Place = { file: string; line?: number; path: string };

/** What a file says, and where it says it. */
export type JsonText = { value: unknown; placeOf: (path: Path) => Place };

const MAX_BYTES = 1_048_576;

/** Reads standard JSON in strict UTF-8: no comments, no trailing commas, no key twice. Throws `bad_schedule` with the line. */
export function parseJsonText(file: string, bytes: Uint8Array): JsonText {
  const at = (line: number, path = "") => ({ file, line, path });
  if (bytes.length > MAX_BYTES) throw badSchedule(at(1), `the file is larger than ${MAX_BYTES} bytes`, bytes.length);
  const text = decode(bytes, (line) => badSchedule(at(line), "not UTF-8", ""));
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length;

  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  if (first) {
    const place = at(lineOf(first.offset), root ? pathText(pathAt(root, first.offset)) : "");
    const found = text.slice(first.offset, first.offset + Math.max(first.length, 1));
    throw badSchedule(place, `not standard JSON: ${printParseErrorCode(first.error)}`, found);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badSchedule(at(1), `not standard JSON: ${cause instanceof Error ? cause.message : cause}`, "");
  }
  const tree = root as Node;
  const twice = doubledKey(tree);
  if (twice) {
    const path = getNodePath(twice.parent as Node);
    throw badSchedule(at(lineOf(twice.offset), pathText(path)), "this key stands here twice", twice.value);
  }
  return { value, placeOf: (path) => at(lineOf(offsetOf(tree, path)), pathText(path)) };
}

/** The one form of every refusal of a schedule: where, why, and what stands there. */
export function badSchedule(
  place: Place,
  reason: string,
  value: unknown,
  facts: Record<string, bigint | number | string> = {},
): InputError {
  const shown = Object.entries(facts).map(([name, fact]) => [name, typeof fact === "bigint" ? `${fact}` : fact]);
  return new InputError("The schedule is refused", {
    code: "bad_schedule",
    facts: { ...place, reason, value: textOf(value), ...Object.fromEntries(shown) },
    hint: "Correct the entry named above; docs/contracts/vesting.md has the rules",
  });
}

function textOf(value: unknown): string {
  const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** `["grants", 3, "totalWei"]` → `grants[3].totalWei`. */
export function pathText(path: Path): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i > 0 ? `.${part}` : part)).join("");
}

function decode(bytes: Uint8Array, bad: (line: number) => Error): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // The longest part that is text tells the line.
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    throw bad(text.slice(0, text.indexOf("\ufffd")).split("\n").length);
  }
}

/** Where the entry begins; where there is none, where the nearest entry around it begins. */
function offsetOf(root: Node, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (!node) continue;
    return node.parent?.type === "property" ? node.parent.offset : node.offset;
  }
  return root.offset;
}

/** Path of the innermost entry around an offset. */
function pathAt(node: Node, offset: number): Path {
  const inside = node.children?.find((child) => child.offset <= offset && offset < child.offset + child.length);
  return inside ? pathAt(inside, offset) : getNodePath(node);
}

function doubledKey(node: Node): Node | undefined {
  const seen = new Set<unknown>();
  for (const child of node.children ?? []) {
    const key = node.type === "object" ? child.children?.[0] : undefined;
    if (key && seen.has(key.value)) return key;
    if (key) seen.add(key.value);
    const below = doubledKey(child);
    if (below) return below;
  }
  return undefined;
}
