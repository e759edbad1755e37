import { expect } from "chai";
import { readEnvironment, required } from "../../../src/cli/config.ts";
import { failure } from "../../helpers/failure.ts";

/*
cli/config
├── readEnvironment
│  ├── has a default for all that a local network needs, and ignores what it does not know
│  └── names every bad variable
└── required: the value, or which variable is not set
*/
describe("cli/config", () => {
  it("has defaults, and ignores what it does not know", () => {
    const config = readEnvironment({ MORE: "x", OPG_KEY: "" });
    expect(config).to.include({ RPC_URL: "http://127.0.0.1:8545", POLICY: 1, GATEWAY_PORT: 8400, HOST: "127.0.0.1" });
    expect(config).not.to.have.any.keys("MORE", "OPG_KEY", "DATABASE_URL");
    expect(config.VERIFIER_URLS).to.deep.equal([]);
  });

  it("reads lists and numbers", () => {
    const config = readEnvironment({ WORKER_URLS: " http://a , ,http://b,", RESERVATION: "0", GATEWAY_PORT: "65535" });
    expect(config.WORKER_URLS).to.deep.equal(["http://a", "http://b"]);
    expect(config).to.include({ RESERVATION: 0, GATEWAY_PORT: 65_535 });
  });

  for (const [name, value] of [
    ["RPC_URL", "localhost"],
    ["GATEWAY_PORT", "65536"],
    ["GATEWAY_PORT", "-1"],
    ["POLICY", "0"],
    ["SETTLER", "1.5"],
    ["RESERVATION", "-1"],
    ["OPG_KEY", `0x${"0".repeat(63)}`],
    ["VOUCHER_KEY", "0".repeat(64)],
    ["PAYER", "0x12"],
    ["BATCH_DEADLINE_SECONDS", "soon"],
  ] as const) {
    it(`refuses ${name} of ${value.slice(0, 12)}`, async () => {
      const error = await failure(() => readEnvironment({ [name]: value }));
      expect(error).to.include({ name: "InputError", code: "bad_config" });
      expect(Object.keys(error.facts)).to.deep.equal([name]);
    });
  }

  it("says which variable a command cannot do without", async () => {
    const config = readEnvironment({ RESERVATION: "0" });
    expect(required(config, "RESERVATION")).to.equal(0);
    const error = await failure(() => required(config, "SETTLER"));
    expect(error).to.include({ name: "InputError", code: "bad_config" });
    expect(error.shortMessage).to.include("SETTLER");
  });
});
