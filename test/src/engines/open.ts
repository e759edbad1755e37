import { expect } from "chai";
import { engineOf, type Manifest, readManifest } from "../../../src/core/manifest.ts";
import { openDriver } from "../../../src/engines/open.ts";
import { failure } from "../../helpers/failure.ts";

/*
openDriver
├── a classifier in ONNX: a driver of its engine
├── what a server runs: a driver that needs no file
└── when nothing here can run it: no_driver
*/
describe("openDriver", () => {
  let guard: Manifest;
  before(async () => {
    guard = await readManifest("models/opg-guard");
  });

  it("opens a classifier", async () => {
    const driver = await openDriver(guard, "models/opg-guard/model.onnx");
    expect(driver.engine).to.deep.equal(engineOf(guard));
    await driver.close();
  });

  it("opens what a server runs", async () => {
    const upstream = { baseUrl: "http://127.0.0.1:1/v1", model: "m" };
    const driver = await openDriver({ ...guard, format: "safetensors", upstream }, undefined);
    expect(driver.engine).to.deep.equal(engineOf(guard));
    await driver.close();
  });

  for (const [what, change, path] of [
    ["a format that needs a server", { format: "gguf" }, "models/opg-guard/model.onnx"],
    ["no file and no server", {}, undefined],
  ] as [string, Partial<Manifest>, string | undefined][]) {
    it(`refuses ${what}`, async () => {
      const error = await failure(() => openDriver({ ...guard, ...change }, path));
      expect(error).to.include({ code: "no_driver", retryable: false });
    });
  }
});
