import { expect } from "chai";
import { z } from "zod";
import { readConfig } from "../../../src/core/config.ts";
import { failure } from "../../helpers/failure.ts";

/*
readConfig
├── when all is well: the values, with defaults for what is absent or empty
└── when variables are bad: bad_config, naming every one and printing no value
*/
describe("readConfig", () => {
  const schema = z.object({
    KEY: z.string().regex(/^0x[0-9a-f]{4}$/, "a key"),
    PORT: z.coerce.number().int().max(65535).default(80),
  });

  it("gives values, and defaults for what is absent or empty", () => {
    expect(readConfig(schema, { KEY: "0xabcd", PORT: "8080" })).to.deep.equal({ KEY: "0xabcd", PORT: 8080 });
    expect(readConfig(schema, { KEY: "0xabcd", PORT: "" })).to.deep.equal({ KEY: "0xabcd", PORT: 80 });
    expect(readConfig(schema, { KEY: "0xabcd", PORT: undefined })).to.deep.equal({ KEY: "0xabcd", PORT: 80 });
  });

  it("names every bad variable and prints no value", async () => {
    const error = await failure(() => readConfig(schema, { KEY: "hunter2", PORT: "70000" }));
    expect(error).to.include({ name: "InputError", code: "bad_config" });
    expect(Object.keys(error.facts)).to.deep.equal(["KEY", "PORT"]);
    expect(error.message).not.to.match(/hunter2|70000/);
  });

  it("names what is missing", async () => {
    expect(Object.keys((await failure(() => readConfig(schema, { KEY: "" }))).facts)).to.deep.equal(["KEY"]);
  });
});
