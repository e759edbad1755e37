// Runs under any Node >= 20. Brings the locked dependencies and Node 24, builds the contracts and their types, then hands
// over to the command it was given. Each part is done again only when its inputs have changed.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const path = (...parts) => join(root, ...parts);
const nodeBin = path("node_modules", "node", "bin", "node");
const hardhat = path("node_modules", "hardhat", "dist", "src", "cli.js");

function run(command, args, env, stdio) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio });
    const pass = (signal) => child.kill(signal);
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, pass);
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const name of signals) process.off(name, pass);
      resolve(code ?? (signal === "SIGINT" ? 130 : 143));
    });
  });
}

function hashOf(files) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}`);
  for (const file of files) hash.update(file).update(readFileSync(path(file)));
  return hash.digest("hex");
}

function filesBelow(folder) {
  return readdirSync(path(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

/** Runs `work` unless it was done for these inputs before. */
async function once(stampFile, stamp, title, work, stampAfter = () => stamp) {
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return;
  const started = Date.now();
  console.error(title);
  const code = await work();
  if (code !== 0) {
    console.error(`That failed (exit ${code}). Check the network and the disk, then run the same command again.`);
    process.exit(code);
  }
  writeFileSync(stampFile, stampAfter());
  console.error(`Done in ${Math.round((Date.now() - started) / 1000)} s`);
}

const manifest = ["package.json", "package-lock.json"];
const { node } = JSON.parse(readFileSync(path("package.json"))).devDependencies;
await once(
  path("node_modules", ".ready"),
  hashOf(manifest),
  `Setting up: Node ${node} and the locked packages (about a minute the first time)`,
  () =>
    run(
      "npx",
      ["--yes", `--package=node@${node}`, "--call", "npm ci --no-audit --no-fund --loglevel=error"],
      // The optional CUDA download of onnxruntime-node is not wanted; npm 10 does not know allowScripts.
      { ONNXRUNTIME_NODE_INSTALL: "skip", npm_config_loglevel: "error" },
      ["ignore", 2, 2],
    ),
);

const env = { PATH: `${path("node_modules", ".bin")}:${process.env.PATH}` };
const sources = [...manifest, "hardhat.config.ts", ...filesBelow("contracts")];
const built = existsSync(path("typechain-types", "index.ts")) && existsSync(path("artifacts"));
await once(
  path("node_modules", ".built"),
  built ? hashOf(sources) : "never",
  "Building the contracts (half a minute the first time)",
  () => run(nodeBin, [hardhat, "build", "--no-tests", "--quiet"], env, ["ignore", 2, 2]),
  () => hashOf(sources),
);

const [script, ...args] = process.argv.slice(2);
if (script) process.exitCode = await run(nodeBin, [script, ...args], env, "inherit");
