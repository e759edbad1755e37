import { createHash } from "node:crypto";

/** One change of one place of a source. `start` and `length` are bytes, as the compiler counts them. */
export type Mutant = {
  id: string;
  file: string;
  line: number;
  operator: Operator;
  start: number;
  length: number;
  before: string;
  after: string;
};

/** What a change does; `emit` is counted apart, because an event moves no money. */
export type Operator =
  | "relational"
  | "arithmetic"
  | "boundary"
  | "negation"
  | "delete"
  | "guard"
  | "constant"
  | "arguments"
  | "assembly"
  | "emit";

type Ast = { nodeType: string; src: string; [field: string]: unknown };

const RELATIONAL: Record<string, string[]> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "==": ["!="],
  "!=": ["=="],
};
const ARITHMETIC: Record<string, string[]> = {
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "**": ["*"],
  "<<": [">>"],
  ">>": ["<<"],
  "&": ["|"],
  "|": ["&"],
  "^": ["&"],
};
const YUL: Record<string, string[]> = {
  add: ["sub"],
  sub: ["add"],
  mul: ["div"],
  div: ["mul"],
  mod: ["div"],
  and: ["or"],
  or: ["and"],
  shl: ["shr"],
  shr: ["shl"],
  gt: ["lt", "iszero(lt"],
  lt: ["gt", "iszero(gt"],
  eq: ["lt"],
};
const SKIPPED = new Set([
  "ImportDirective",
  "PragmaDirective",
  "StructDefinition",
  "EventDefinition",
  "ErrorDefinition",
  "EnumDefinition",
  "StructuredDocumentation",
  "OverrideSpecifier",
  "ElementaryTypeName",
  "ArrayTypeName",
  "Mapping",
  "UserDefinedTypeName",
]);
const CONDITIONS: Record<string, string> = {
  IfStatement: "condition",
  WhileStatement: "condition",
  ForStatement: "condition",
  Conditional: "condition",
};

/** All changes of a source, in the order of their places. `ast` is the compiler's. */
export function mutantsOf(file: string, source: string, ast: object): Mutant[] {
  const bytes = Buffer.from(source);
  const found = new Map<string, Mutant>();
  const constants = constantsOf(ast as Ast);

  const textOf = ({ src }: Ast) => {
    const [start = 0, length = 0] = src.split(":").map(Number);
    return { start, length, text: bytes.subarray(start, start + length).toString() };
  };
  const add = (operator: Operator, start: number, length: number, after: string) => {
    const before = bytes.subarray(start, start + length).toString();
    const id = createHash("sha256").update(`${file}:${start}:${before}:${after}`).digest("hex").slice(0, 12);
    const line = bytes.subarray(0, start).toString().split("\n").length;
    if (before !== after) found.set(id, { id, file, line, operator, start, length, before, after });
  };
  const replace = (operator: Operator, node: Ast, after: string) => {
    const { start, length } = textOf(node);
    add(operator, start, length, after);
  };
  /** Replaces the sign between two operands. */
  const between = (operator: Operator, left: Ast, right: Ast, sign: string, after: string) => {
    const from = textOf(left).start + textOf(left).length;
    const at = bytes.indexOf(sign, from);
    if (at < 0 || at >= textOf(right).start) return;
    add(operator, at, sign.length, after);
  };

  const literal = (operator: Operator, node: Ast) => {
    const [, digits = "", rest = ""] = /^(0x[0-9a-fA-F]+|[0-9_]+(?:e[0-9]+)?)(.*)$/s.exec(textOf(node).text) ?? [];
    if (digits === "" || /^0x[0-9a-fA-F]{40}$/.test(digits)) return;
    const value = numberOf(digits);
    for (const next of [value + 1n, value - 1n]) if (next >= 0n) replace(operator, node, `${next}${rest}`);
  };

  const swap = (nodes: Ast[]) => {
    for (let i = 0; i + 1 < nodes.length; i++) {
      const [a, b] = [textOf(nodes[i] as Ast), textOf(nodes[i + 1] as Ast)];
      if (a.text === b.text || kindOf(nodes[i] as Ast) !== kindOf(nodes[i + 1] as Ast)) continue;
      const middle = bytes.subarray(a.start + a.length, b.start).toString();
      add("arguments", a.start, b.start + b.length - a.start, `${b.text}${middle}${a.text}`);
    }
  };

  const visit = (node: Ast) => {
    const { text } = textOf(node);
    const condition = node[CONDITIONS[node.nodeType] ?? ""] as Ast | null | undefined;
    // A comparison and a `!` are turned around by themselves.
    if (condition && !(String(condition.operator) in RELATIONAL) && condition.operator !== "!") {
      replace("negation", condition, `!(${textOf(condition).text})`);
    }
    switch (node.nodeType) {
      case "BinaryOperation": {
        const [left, right, sign] = [node.leftExpression as Ast, node.rightExpression as Ast, String(node.operator)];
        for (const after of RELATIONAL[sign] ?? []) between("relational", left, right, sign, after);
        for (const after of ARITHMETIC[sign] ?? []) between("arithmetic", left, right, sign, after);
        if (sign === "&&" || sign === "||") between("negation", left, right, sign, sign === "&&" ? "||" : "&&");
        break;
      }
      case "UnaryOperation": {
        const operand = textOf(node.subExpression as Ast).text;
        if (node.operator === "!") replace("negation", node, operand);
        if (node.operator === "++") replace("arithmetic", node, node.prefix ? `--${operand}` : `${operand}--`);
        if (node.operator === "--") replace("arithmetic", node, node.prefix ? `++${operand}` : `${operand}++`);
        if (node.operator === "~" || node.operator === "-") replace("arithmetic", node, operand);
        break;
      }
      case "Assignment": {
        const [left, right, sign] = [node.leftHandSide as Ast, node.rightHandSide as Ast, String(node.operator)];
        if (sign === "=") break;
        const opposite = ARITHMETIC[sign.slice(0, -1)]?.[0];
        if (opposite) between("arithmetic", left, right, sign, `${opposite}=`);
        between("arithmetic", left, right, sign, "=");
        break;
      }
      case "Literal":
        if (node.kind === "number") literal("boundary", node);
        if (node.kind === "bool") replace("negation", node, text === "true" ? "false" : "true");
        break;
      case "Identifier": {
        const at = constants.findIndex(({ id }) => id === node.referencedDeclaration);
        const [own, next] = [constants[at], constants[(at + 1) % constants.length]];
        if (own && next && next !== own) replace("constant", node, next.name);
        break;
      }
      case "FunctionCall":
        swap(node.arguments as Ast[]);
        break;
      case "TupleExpression":
        if (!node.isInlineArray) swap((node.components as (Ast | null)[]).filter((part) => part !== null));
        break;
      case "ExpressionStatement":
        // What a loop does after each pass has no semicolon, and cannot be a block.
        if (bytes[textOf(node).start + textOf(node).length] === 0x3b) replace("delete", node, "{}");
        break;
      case "EmitStatement":
        replace("emit", node, "{}");
        break;
      case "RevertStatement":
        replace("guard", node, "{}");
        break;
      case "Break":
      case "Continue":
        replace("delete", node, "{}");
        break;
      case "ModifierInvocation":
        if ((node.modifierName as Ast).nodeType === "IdentifierPath" && node.kind === "modifierInvocation") {
          replace("guard", node, "");
        }
        break;
      case "YulFunctionCall": {
        const name = node.functionName as Ast & { name: string };
        for (const after of YUL[name.name] ?? []) {
          if (after.includes("(")) replace("assembly", node, `${text.replace(name.name, after)})`);
          else replace("assembly", name, after);
        }
        break;
      }
      case "YulExpressionStatement":
      case "YulAssignment":
        replace("assembly", node, "");
        break;
      case "YulLiteral":
        if (node.kind === "number") literal("assembly", node);
        break;
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(ast as Ast);
  return [...found.values()].sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1));
}

/** The source with the change in it. */
export function applyMutant(source: string, { start, length, after }: Mutant): string {
  const bytes = Buffer.from(source);
  const tail = bytes.subarray(start + length);
  // A statement's place ends before its semicolon, which must not stay behind a block.
  const rest = after === "{}" && tail[0] === 0x3b ? tail.subarray(1) : tail;
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(after), rest]).toString();
}

/**
 * Some of the mutants: of each operator its part, at least one, chosen by hash and in the order of the hashes. The same seed gives
 * the same choice, and a larger choice holds the smaller one.
 */
export function sampleOf(mutants: readonly Mutant[], size: number, seed: string): Mutant[] {
  const rankOf = ({ id }: Mutant) => createHash("sha256").update(`${seed}:${id}`).digest("hex");
  const ranked = mutants.map((mutant) => ({ mutant, rank: rankOf(mutant) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const groups = Map.groupBy(ranked, ({ mutant }) => mutant.operator);
  const chosen = new Set(
    [...groups.values()].flatMap((group) => group.slice(0, Math.ceil((group.length * size) / mutants.length))),
  );
  return ranked.filter((one) => chosen.has(one)).map(({ mutant }) => mutant);
}

function numberOf(digits: string): bigint {
  const [mantissa = "0", exponent = "0"] = digits.startsWith("0x") ? [digits] : digits.replaceAll("_", "").split("e");
  return BigInt(mantissa) * 10n ** BigInt(exponent);
}

function kindOf({ typeDescriptions }: Ast): string {
  const { typeString = "" } = (typeDescriptions ?? {}) as { typeString?: string };
  return typeString.replace(/^u?int\d+$|^int_const.*$/, "number").replace(/ (memory|calldata|storage.*)$/, "");
}

function childrenOf(node: Ast): Ast[] {
  return Object.values(node)
    .flat()
    .filter((value): value is Ast => typeof (value as Ast | null)?.nodeType === "string")
    .filter(({ nodeType }) => !SKIPPED.has(nodeType));
}

/** The whole-number constants that a source declares, in its order. */
function constantsOf(ast: Ast): { id: number; name: string }[] {
  const inContracts = (ast.nodes as Ast[]).flatMap((node) => [node, ...((node.nodes as Ast[] | undefined) ?? [])]);
  return inContracts
    .filter((node) => node.nodeType === "VariableDeclaration" && node.constant === true && kindOf(node) === "number")
    .map((node) => ({ id: node.id as number, name: String(node.name) }));
}
