import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "../../src/core/http/freePort.ts";

export type PostgresServer = {
  url: string;
  stop(): Promise<void>;
  /** Ends it at once, with every connection; what was committed is on disk. */
  crash(): Promise<void>;
  /** Starts it again on the same data and port. */
  restart(): Promise<void>;
};

/** The folder with PostgreSQL's own programs, the newest version first; undefined when it is not installed. */
export function findPostgres(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...versions.map((v) => join(debian, v, "bin"))];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}
findPostgres.places = ["PATH", "/usr/lib/postgresql/*/bin"];

/** Starts an empty server on a free port of this machine; undefined when PostgreSQL is not installed. */
export async function startPostgres(): Promise<PostgresServer | undefined> {
  const programs = findPostgres();
  if (!programs) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "opg-postgres-"));
  const user = unprivilegedUser();
  if (user) {
    chownSync(directory, user.uid, user.gid);
    chmodSync(directory, 0o700);
  }
  const data = join(directory, "data");
  const as = user ?? {};
  const quiet = { ...as, cwd: directory, stdio: "ignore" as const };
  execFileSync(join(programs, "initdb"), ["-D", data, "-U", "opg", "-A", "trust", "--no-sync", "-E", "UTF8"], quiet);
  const port = await freePort();
  const flags = [
    "-D",
    data,
    "-p",
    String(port),
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "fsync=off",
    "-k",
    directory,
  ];
  const start = () => spawn(join(programs, "postgres"), flags, quiet);
  let server = start();
  const url = `postgresql://opg@127.0.0.1:${port}/postgres`;
  await accepts(port, server);
  return {
    url,
    async stop() {
      if (server.exitCode === null) {
        const ended = once(server, "exit");
        server.kill("SIGINT");
        await ended;
      }
      rmSync(directory, { recursive: true, force: true });
    },
    async crash() {
      const ended = once(server, "exit");
      server.kill("SIGQUIT");
      await ended;
    },
    async restart() {
      server = start();
      await accepts(port, server);
    },
  };
}

/** PostgreSQL refuses to run as root: there it runs as the user that its package made. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function accepts(port: number, server: ReturnType<typeof spawn>): Promise<void> {
  const { default: pg } = await import("pg");
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`);
    const client = new pg.Client({ host: "127.0.0.1", port, user: "opg", database: "postgres" });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("PostgreSQL did not start");
}
