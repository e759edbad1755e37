import { expect } from "chai";
import { within } from "../../../src/core/within.ts";
import { failure } from "../../helpers/failure.ts";

/*
within
├── when the promise ends in time: its value or its own error, and no timer is left
└── when it does not: the late error
*/
describe("within", () => {
  const late = () => new Error("late");
  const never = new Promise<never>(() => undefined);
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

  it("gives the value, and leaves no timer", async () => {
    // Only now has mocha set its own.
    await undefined;
    const before = timers();
    expect(await within(Promise.resolve(5), 60_000, late)).to.equal(5);
    expect(timers()).to.equal(before);
  });

  it("gives the promise's own error", async () => {
    const own = new Error("own");
    expect(await failure(() => within(Promise.reject(own), 60_000, late))).to.equal(own);
  });

  it("ends in the late error", async () => {
    expect(await failure(() => within(never, 0, late))).to.include({ message: "late" });
  });
});
