import { expect } from "chai";
import { cachedRead } from "../../../../src/core/chain/view.ts";
import { failure } from "../../../helpers/failure.ts";

/*
cachedRead
├── a fresh answer comes from memory, per key, and undefined is an answer too
├── one read at a time per key, whoever asks
├── when reading fails: the last answer while it is not too old, then an error that says the chain cannot be read
└── after a failure it is read again
*/
describe("cachedRead", () => {
  function setup() {
    const state = { now: 1000, reads: [] as string[], fails: false, value: 1 as number | undefined };
    const get = cachedRead({
      async read(key: string) {
        state.reads.push(key);
        if (state.fails) throw new Error("rpc down");
        return state.value;
      },
      clock: () => state.now,
      freshMs: 10,
      maxStaleMs: 100,
    });
    return { state, get };
  }

  it("answers from memory while it is fresh", async () => {
    const { state, get } = setup();
    expect(await get("a")).to.equal(1);
    state.value = 2;
    state.now += 10;
    expect(await get("a")).to.equal(1);
    state.now += 1;
    expect(await get("a")).to.equal(2);
    expect(state.reads).to.deep.equal(["a", "a"]);
  });

  it("keeps keys apart, and undefined as an answer", async () => {
    const { state, get } = setup();
    state.value = undefined;
    for (const key of ["a", "b", "a", "b"]) expect(await get(key)).to.equal(undefined);
    expect(state.reads).to.deep.equal(["a", "b"]);
  });

  it("reads once for all who ask at the same time", async () => {
    const { state, get } = setup();
    expect(await Promise.all([get("a"), get("a"), get("b"), get("a")])).to.deep.equal([1, 1, 1, 1]);
    expect(state.reads).to.deep.equal(["a", "b"]);
  });

  it("gives the last answer while reading fails, until it is too old", async () => {
    const { state, get } = setup();
    await get("a");
    state.fails = true;
    state.now += 100;
    expect(await get("a")).to.equal(1);
    state.now += 1;
    expect(await failure(() => get("a"))).to.include({ name: "UnavailableError", retryable: true });
    expect(state.reads.length).to.equal(3);
  });

  it("fails when there never was an answer, and reads again after it", async () => {
    const { state, get } = setup();
    state.fails = true;
    const errors = await Promise.all([failure(() => get("a")), failure(() => get("a"))]);
    expect(errors.map(({ name }) => name)).to.deep.equal(["UnavailableError", "UnavailableError"]);
    expect(state.reads.length).to.equal(1);
    state.fails = false;
    expect(await get("a")).to.equal(1);
  });
});
