import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { eq } from "drizzle-orm";
import { type OpenDatabase, openDatabase } from "../../../../src/core/db/open.ts";
import { transactions } from "../../../../src/core/db/transactions.ts";
import { silentLogger } from "../../../../src/core/logger.ts";
import { failure } from "../../../helpers/failure.ts";
import { BACKENDS, freshDatabase } from "../../../helpers/network.ts";

/*
openDatabase, on each backend
├── rows: a transaction keeps all of its writes or none
├── two transactions that raise one row: both count, whoever comes first
├── enqueue: a job is there when its transaction is, and only then; a key has one job waiting
└── the schema of an opened database is opened again as it is
when the directory is in use: directory_locked, and free again after closing or a failed opening
when the server does not answer: database_unavailable, without the password
*/
const QUEUE = "work";
const options = {
  migrations: "src/settler/migrations",
  queues: [{ name: QUEUE, policy: "short" as const }],
  logger: silentLogger,
};
const row = (id: string, nonce = 0) => ({
  id,
  signer: "0x1",
  chainId: 31337,
  nonce,
  raw: "0x",
  hash: "0x",
  state: "sending" as const,
  createdAtMs: 1_790_000_000_000,
});

for (const backend of BACKENDS) {
  describe(`openDatabase (${backend})`, () => {
    let database: OpenDatabase;
    let url: string | undefined;
    before(async () => {
      url = await freshDatabase(backend);
      database = await openDatabase({ ...options, url });
    });
    after(() => database?.close());

    const waiting = () => database.jobs.fetch(QUEUE, { batchSize: 100 });
    const idsLike = async (prefix: string) =>
      (await database.db.select({ id: transactions.id }).from(transactions)).filter(({ id }) => id.startsWith(prefix));

    it("names its backend", () => expect(database.backend).to.equal(backend));

    it("keeps all of a transaction or none", async () => {
      await database.db.transaction(async (tx) => {
        await tx.insert(transactions).values(row("kept/1"));
        await tx.insert(transactions).values(row("kept/2"));
      });
      const broken = failure(() =>
        database.db.transaction(async (tx) => {
          await tx.insert(transactions).values(row("lost/1"));
          await tx.insert(transactions).values(row("kept/1"));
        }),
      );
      expect((await broken).cause ?? (await broken)).to.include({ code: "23505" });
      expect((await idsLike("kept")).length).to.equal(2);
      expect(await idsLike("lost")).to.deep.equal([]);
    });

    it("counts every one of many transactions that raise one row", async () => {
      await database.db.insert(transactions).values(row("counter"));
      const raise = () =>
        database.db.transaction(async (tx) => {
          const [held] = await tx.select().from(transactions).where(eq(transactions.id, "counter")).for("update");
          await tx
            .update(transactions)
            .set({ nonce: (held?.nonce ?? 0) + 1 })
            .where(eq(transactions.id, "counter"));
        });
      await Promise.all(Array.from({ length: 30 }, raise));
      const [counter] = await database.db.select().from(transactions).where(eq(transactions.id, "counter"));
      expect(counter?.nonce).to.equal(30);
    });

    it("keeps numbers to 2^53", async () => {
      await database.db.insert(transactions).values(row("large", Number.MAX_SAFE_INTEGER));
      const [large] = await database.db.select().from(transactions).where(eq(transactions.id, "large"));
      expect(large?.nonce).to.equal(Number.MAX_SAFE_INTEGER);
    });

    it("queues a job with its transaction, one a key", async () => {
      await database.db.transaction(async (tx) => {
        await database.enqueue(tx, QUEUE, { settler: 1 }, { singletonKey: "1" });
        await database.enqueue(tx, QUEUE, { settler: 1 }, { singletonKey: "1" });
        await database.enqueue(tx, QUEUE, { settler: 2 }, { singletonKey: "2" });
      });
      expect((await waiting()).map(({ data }) => data)).to.have.deep.members([{ settler: 1 }, { settler: 2 }]);
    });

    it("queues nothing when the transaction breaks", async () => {
      const broken = new Error("broken");
      const ended = failure(() =>
        database.db.transaction(async (tx) => {
          await database.enqueue(tx, QUEUE, { settler: 3 }, { singletonKey: "3" });
          throw broken;
        }),
      );
      expect(await ended).to.equal(broken);
      expect(await waiting()).to.deep.equal([]);
    });
  });
}

describe("openDatabase (postgres, refused)", () => {
  for (const [what, url] of [
    ["a server that is not there", "postgresql://opg:hunter2@127.0.0.1:1/opg"],
    ["what is not a URL", "hunter2"],
  ] as const) {
    it(`says so of ${what}, without the password`, async () => {
      const error = await failure(() => openDatabase({ ...options, url }));
      expect(error).to.include({ name: "UnavailableError", code: "database_unavailable", retryable: true });
      expect(error.message).not.to.include("hunter2");
    });
  }
});

describe("openDatabase (directory)", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "opg-db-"));
  });
  after(() => rm(directory, { recursive: true }));

  it("frees the directory when it cannot be opened, locks it while it is open, and finds its rows again", async () => {
    const data = join(directory, "data");
    expect(await failure(() => openDatabase({ ...options, directory: data, migrations: directory }))).to.be.instanceOf(
      Error,
    );

    const first = await openDatabase({ ...options, directory: data });
    await first.db.insert(transactions).values(row("stays"));
    expect(await failure(() => openDatabase({ ...options, directory: data }))).to.include({ code: "directory_locked" });
    await first.close();

    const second = await openDatabase({ ...options, directory: data });
    expect((await second.db.select().from(transactions)).map(({ id }) => id)).to.deep.equal(["stays"]);
    await second.close();
  });
});
