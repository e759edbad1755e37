import type { BaseWallet, Signer } from "ethers";
import type { Contracts } from "../core/chain/contracts.ts";
import { eventOf, mined } from "../core/chain/events.ts";
import type { EngineTuple } from "../core/engine.ts";

/** As in `INodeRegistry.sol`. */
export const NodeClass = { WORKER: 1, VERIFIER: 2, SETTLER: 3 } as const;
export type NodeClass = (typeof NodeClass)[keyof typeof NodeClass];

export type NodeOptions = {
  class: NodeClass;
  /** The node's own key: signs what the node answers for. */
  key: BaseWallet;
  payee: number;
  endpoint: string;
  engines: EngineTuple[];
};

/** Makes `owner` an operator, or finds that it is one. */
export async function registerOperator({ nodeRegistry }: Contracts, owner: Signer): Promise<number> {
  const known = await nodeRegistry.operatorOwnedBy(await owner.getAddress());
  if (known !== 0n) return Number(known);
  const receipt = await mined(nodeRegistry.connect(owner).registerOperator());
  return Number(eventOf(receipt, nodeRegistry, "OperatorRegistered").args.operator);
}

/** Registers a node of the owner's operator, or finds the node of that key. */
export async function registerNode({ nodeRegistry }: Contracts, owner: Signer, options: NodeOptions): Promise<number> {
  const known = await nodeRegistry.keyRecord(options.key.address);
  if (known.node !== 0n) return Number(known.node);
  const operator = await nodeRegistry.operatorOwnedBy(await owner.getAddress());
  const [, name, version, chainId, verifyingContract] = await nodeRegistry.eip712Domain();
  const signature = await options.key.signTypedData(
    { name, version, chainId, verifyingContract },
    {
      NodeKey: [
        { name: "operator", type: "uint32" },
        { name: "class", type: "uint8" },
        { name: "key", type: "address" },
      ],
    },
    { operator, class: options.class, key: options.key.address },
  );
  const { payee, endpoint, engines } = options;
  const params = { class: options.class, key: options.key.address, payee, endpoint, engines };
  const receipt = await mined(nodeRegistry.connect(owner).registerNode(params, signature));
  return Number(eventOf(receipt, nodeRegistry, "NodeRegistered").args.node);
}
