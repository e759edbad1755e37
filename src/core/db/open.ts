import { mkdir } from "node:fs/promises";
import { PGlite } from "@electric-sql/pglite";
import { sql } from "drizzle-orm";
import { drizzle as drizzlePg } from "drizzle-orm/node-postgres";
import { migrate as migratePg } from "drizzle-orm/node-postgres/migrator";
import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";
import { drizzle as drizzlePglite } from "drizzle-orm/pglite";
import { migrate as migratePglite } from "drizzle-orm/pglite/migrator";
import pg from "pg";
import { fromDrizzle, fromPglite, PgBoss } from "pg-boss";
import { errorMessage, UnavailableError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { lockDirectory } from "./lock.ts";

/** Both drivers behind one type: the same schema, queries and migrations run on either. */
export type Database = PgDatabase<PgQueryResultHKT>;
export type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];

export type DatabaseOptions = {
  /** A PostgreSQL server. Without one the database is embedded. */
  url?: string | undefined;
  /** Directory of the embedded database; without one it lives in memory. */
  directory?: string | undefined;
  migrations: string;
  /** Job queues that must exist; see pg-boss for the policies. */
  queues: readonly { name: string; policy: "standard" | "short" | "singleton" | "stately" }[];
  logger: Logger;
};

export type OpenDatabase = {
  db: Database;
  jobs: PgBoss;
  /** Puts a job into the same transaction as the rows it belongs to. */
  enqueue(
    tx: Transaction,
    queue: string,
    data: object,
    options?: { singletonKey?: string; startAfter?: number },
  ): Promise<void>;
  /** "pglite" or "postgres". */
  backend: string;
  close(): Promise<void>;
};

const NO_JOB = "00000000-0000-0000-0000-000000000000";

type Driver = { db: Database; jobs: PgBoss; migrate(): Promise<void>; end(): Promise<void>; backend: string };

/**
 * Opens PostgreSQL, or the embedded PGlite, with its job queue, and brings the schema up to date.
 * Throws when another process holds the directory, or the server does not answer.
 */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  const driver = options.url ? await openPostgres(options.url, options) : await openPglite(options);
  const { db, jobs } = driver;
  jobs.on("error", (error) => options.logger.warn({ error: errorMessage(error) }, "jobs.error"));
  try {
    await driver.migrate();
    await startJobs(jobs, options.queues);
  } catch (error) {
    await driver.end();
    throw error;
  }
  return {
    db,
    jobs,
    backend: driver.backend,
    async enqueue(tx, queue, data, sendOptions = {}) {
      await jobs.send(queue, data, { ...sendOptions, db: fromDrizzle(tx as never, sql as never) });
    },
    async close() {
      await jobs.stop({ graceful: true, timeout: 5000, close: false });
      await driver.end();
    },
  };
}

async function startJobs(jobs: PgBoss, queues: DatabaseOptions["queues"]): Promise<void> {
  await jobs.start();
  for (const { name, policy } of queues) {
    await jobs.createQueue(name, { policy, notify: true });
    // Fills pg-boss's cache of queues. It would else be filled by the first job, from a connection of its own, while the
    // job's transaction holds the only connection that PGlite has: a deadlock.
    await jobs.cancel(name, NO_JOB);
  }
}

async function openPostgres(url: string, { migrations }: DatabaseOptions): Promise<Driver> {
  const pool = new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 5000 });
  // An idle connection that breaks must not end the process; the next query says what is wrong.
  pool.on("error", () => undefined);
  // Nor one that breaks while it is used: its query fails.
  pool.on("connect", (client) => client.on("error", () => undefined));
  try {
    await pool.query("select 1");
  } catch (cause) {
    await pool.end();
    throw new UnavailableError("The database does not answer", {
      code: "database_unavailable",
      facts: { host: safeHost(url), reason: errorMessage(cause) },
      hint: "Check DATABASE_URL and that the server runs",
      cause,
    });
  }
  const db = drizzlePg(pool);
  return {
    backend: "postgres",
    db: db as unknown as Database,
    jobs: new PgBoss({ connectionString: url, useListenNotify: true }),
    async migrate() {
      // Processes that start together wait for each other: two that make the same table break.
      const client = await pool.connect();
      try {
        await client.query("select pg_advisory_lock(hashtext('opg migrations'))");
        await migratePg(db, { migrationsFolder: migrations });
      } finally {
        // Ends the session, and with it the lock.
        client.release(true);
      }
    },
    end: () => pool.end(),
  };
}

async function openPglite({ directory, migrations }: DatabaseOptions): Promise<Driver> {
  if (directory) await mkdir(directory, { recursive: true });
  const unlock = directory ? await lockDirectory(directory) : async () => undefined;
  const lite = await PGlite.create({ dataDir: directory ? `${directory}/pglite` : "memory://" });
  const db = drizzlePglite(lite);
  return {
    backend: "pglite",
    db: db as unknown as Database,
    jobs: new PgBoss({ db: fromPglite(lite), backend: "pglite", useListenNotify: true }),
    migrate: () => migratePglite(db, { migrationsFolder: migrations }),
    async end() {
      await lite.close();
      await unlock();
    },
  };
}

function safeHost(url: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    return `${hostname}:${port || 5432}${pathname}`;
  } catch {
    return "DATABASE_URL is not a URL";
  }
}
