import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { settleAll, settleDeps } from "../../src/cli/roles/settler.ts";
import { directoryBlobStore } from "../../src/core/blobStore.ts";
import { openPayer, type Payer, startTestNetwork, type TestNetwork } from "../helpers/network.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../helpers/postgres.ts";
import { CAP_NANO, getJson, guardBody, paymentFor, post } from "../helpers/raw.ts";
import { until } from "../helpers/until.ts";

/*
Storage
├── given PostgreSQL dies while a gateway serves
│  ├── a request is refused with 503 and database_unavailable; nothing is charged
│  ├── a settle pass says that trying again can help
│  └── when it is back: requests are answered, what was answered before is settled, once
└── given the disk is full
   └── a file is not stored, the error says so, nothing is left behind, and it is stored when there is room
*/
describe("storage", () => {
  if (findPostgres()) {
    describe("given PostgreSQL dies while a gateway serves", () => {
      let postgres: PostgresServer;
      let test: TestNetwork;
      let payer: Payer;
      const body = guardBody();

      before(async () => {
        postgres = (await startPostgres()) as PostgresServer;
        test = await startTestNetwork({ databaseUrl: postgres.url });
        payer = await openPayer(test);
      });
      after(async () => {
        await test?.close();
        await postgres?.stop();
      });

      const ask = (cumulativeNano: bigint) =>
        post(test.net.gatewayUrl, body, paymentFor(test, payer, body, cumulativeNano));
      const settle = () =>
        settleAll(settleDeps(test.net.settlerRole.open, { settleInSeconds: 1, deadlineSeconds: 600 }));

      it("refuses with 503, charges nothing, and goes on when it is back", async () => {
        expect((await ask(CAP_NANO)).status).to.equal(200);
        await postgres.crash();

        const { status, json, headers } = await ask(2n * CAP_NANO);
        expect([status, json.error?.code, json.error?.retryable]).to.deep.equal([503, "database_unavailable", true]);
        expect(headers.get("retry-after")).to.equal("1");
        expect(
          (await fetch(`${test.net.gatewayUrl}/v1/reservations/${payer.reservation.reservation}`)).status,
        ).to.equal(503);
        expect(await (await fetch(`${test.net.gatewayUrl}/healthz`)).json()).to.include({ ok: true });
        const refused = await settle().catch((error: unknown) => error);
        expect(refused).to.include({ code: "database_unavailable", retryable: true });

        await postgres.restart();
        const again = await until("it answers again", async () => {
          const answer = await ask(2n * CAP_NANO);
          return answer.status === 200 && answer;
        });
        expect(again.json.receipt?.id).to.be.a("string");
        const state = await getJson(`${test.net.gatewayUrl}/v1/reservations/${payer.reservation.reservation}`);
        expect(state).to.include({ spentNano: "100000", inFlightNano: "0" });
        expect((await settle()).map(({ outcome }) => outcome)).to.deep.equal(["committed", "idle"]);
        const { balanceNano, netNano } = await test.chain.contracts.settlement.getReservation(
          test.net.settler,
          payer.reservation.reservation,
        );
        expect(netNano - balanceNano).to.equal(100_000n);
      });
    });
  }

  describe("given the disk is full", () => {
    it("does not store a file, says so, and leaves nothing behind", async () => {
      const directory = await mkdtemp(join(tmpdir(), "opg-full-"));
      try {
        // A process whose files may have 8 KiB: what it cannot write, a full disk would not take either.
        const script = `
          import { directoryBlobStore } from ${JSON.stringify(join(process.cwd(), "src/core/blobStore.ts"))};
          import { readdirSync } from "node:fs";
          process.on("SIGXFSZ", () => undefined);
          const store = directoryBlobStore(${JSON.stringify(directory)});
          const small = await store.put(new Uint8Array(4096).fill(1));
          const error = await store.put(new Uint8Array(65536).fill(2)).catch((caught) => caught);
          const { code, retryable, facts } = error;
          console.log(JSON.stringify({ code, retryable, reason: facts.reason, files: readdirSync(${JSON.stringify(directory)}).length, small: small.length }));
        `;
        const limited = `ulimit -f ${execFileSync("bash", ["-c", "ulimit -f 8; ulimit -f"], { encoding: "utf8" }).trim()}; exec "$0" --input-type=module -e "$1"`;
        const child = spawn("bash", ["-c", limited, process.execPath, script], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let out = "";
        child.stdout.on("data", (piece) => {
          out += piece;
        });
        await once(child, "close");
        expect(JSON.parse(out)).to.deep.equal({
          code: "storage_failed",
          retryable: true,
          reason: "EFBIG",
          files: 1,
          small: 32,
        });
        const store = directoryBlobStore(directory);
        const digest = await store.put(new Uint8Array(65536).fill(2));
        expect((await store.get(digest))?.length).to.equal(65536);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });
  });
});
