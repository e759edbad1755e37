import { expect } from "chai";
import { network } from "hardhat";
import { findTransaction, lostTransactionOf } from "../../../scripts/tasks/lostTransaction.ts";

/*
lostTransaction
├── lostTransactionOf: of Ignition's error of that number, and of nothing else
└── findTransaction: by sender and nonce, in whichever block, or waiting; undefined when there is none
*/
describe("lostTransaction", () => {
  const sender = `0x${"ab".repeat(20)}`;

  it("reads what Ignition's error names, and nothing of other errors", () => {
    const messageArguments = { sender, nonce: 6, futureId: "staking#StakeHub" };
    const lost = Object.assign(new Error("lost"), { number: 10410, messageArguments });
    expect(lostTransactionOf(lost)).to.deep.equal({ sender, nonce: 6 });
    expect(lostTransactionOf(Object.assign(new Error("other"), { number: 10411, messageArguments }))).to.equal(
      undefined,
    );
    for (const error of [new Error("lost"), undefined, "lost", { number: 10410 }]) {
      expect(lostTransactionOf(error)).to.equal(undefined);
    }
  });

  it("finds each transaction of an account among those of others, mined or waiting", async () => {
    const { ethers, networkHelpers, provider } = await network.create();
    const [one, other] = await ethers.getSigners();
    if (!one || !other) throw new Error("The chain has no accounts");
    const find = (nonce: number, who = one.address) => findTransaction(provider, { sender: who, nonce });

    const hashes: string[] = [];
    for (let i = 0; i < 7; i++) {
      hashes.push((await one.sendTransaction({ to: other.address })).hash);
      await other.sendTransaction({ to: one.address });
      if (i % 3 === 0) await networkHelpers.mine(5);
    }
    for (const [nonce, hash] of hashes.entries()) {
      expect(await find(nonce)).to.equal(hash);
      expect(await find(nonce, one.address.toLowerCase())).to.equal(hash);
    }
    expect(await find(7)).to.equal(undefined);

    await provider.request({ method: "evm_setAutomine", params: [false] });
    const { hash } = await one.sendTransaction({ to: other.address });
    expect(await find(7)).to.equal(hash);
    expect(await find(8)).to.equal(undefined);
    await networkHelpers.mine();
    expect(await find(7)).to.equal(hash);
  });
});
