import { expect } from "chai";
import { TypedDataEncoder } from "ethers";
import { toHex } from "../../../../src/core/hashing/hex.ts";
import { settlementDomain } from "../../../../src/core/protocol/domain.ts";
import { failure } from "../../../helpers/failure.ts";
import { SETTLEMENT } from "../../../helpers/samples.ts";

/*
settlementDomain
├── it should be the EIP-712 domain of one chain and one contract
└── when the contract is no address: an error
*/
describe("settlementDomain", () => {
  const separator = (chainId: bigint, contract: string) => toHex(settlementDomain(chainId, contract).separator);

  for (const chainId of [1n, 31337n, 2n ** 64n]) {
    it(`is ethers' domain of chain ${chainId}`, () => {
      expect(separator(chainId, SETTLEMENT)).to.equal(
        TypedDataEncoder.hashDomain({ name: "OPG Settlement", version: "1", chainId, verifyingContract: SETTLEMENT }),
      );
    });
  }

  it("is the same whatever the case of the address", () => {
    expect(separator(1n, SETTLEMENT.toLowerCase())).to.equal(separator(1n, SETTLEMENT));
  });

  it("refuses what is no address", async () => {
    expect(await failure(() => settlementDomain(1n, "0x1234"))).to.be.instanceOf(Error);
  });
});
