import { type BaseWallet, type Signer, SigningKey, ZeroHash } from "ethers";
import type { EvidenceProvider } from "../core/attestation/evidence.ts";
import type { Contracts } from "../core/chain/contracts.ts";
import { mined } from "../core/chain/events.ts";
import { fromHex, toHex } from "../core/hashing/hex.ts";

/** What an enclave binds into its document; zero where it has none. */
export type TeeBinding = { encryptionKeyHash: string; tlsKeyHash: string; modelSetHash: string; gpuRoot: string };

export const NO_BINDING: TeeBinding = {
  encryptionKeyHash: ZeroHash,
  tlsKeyHash: ZeroHash,
  modelSetHash: ZeroHash,
  gpuRoot: ZeroHash,
};

/**
 * Registers or renews the enclave key `key` for a verifier node. `sender` pays; it owns the node's operator or is the
 * node's key.
 */
export async function registerEnclaveKey(
  { teeRegistry, nodeRegistry }: Contracts,
  sender: Signer,
  node: number,
  key: BaseWallet,
  provider: EvidenceProvider,
): Promise<void> {
  const { operator } = await nodeRegistry.getNode(node);
  const block = await sender.provider?.getBlockNumber();
  const challengeBlock = Math.max((block ?? 1) - 1, 0);
  const challenge = await teeRegistry.challengeOf(operator, challengeBlock);
  const publicKey = `0x${SigningKey.computePublicKey(key.privateKey, false).slice(4)}`;
  const reportData = await teeRegistry.bindingOf(operator, node, challenge, publicKey, NO_BINDING);
  const [, name, version, chainId, verifyingContract] = await teeRegistry.eip712Domain();
  const possession = await key.signTypedData(
    { name, version, chainId, verifyingContract },
    {
      KeyPossession: [
        { name: "operator", type: "uint32" },
        { name: "node", type: "uint32" },
        { name: "challenge", type: "bytes32" },
      ],
    },
    { operator, node, challenge },
  );
  const { evidence, hints } = await provider.attest(fromHex(reportData, 32), fromHex(challenge, 32));
  await mined(
    teeRegistry
      .connect(sender)
      .register(
        node,
        provider.teeType,
        publicKey,
        challengeBlock,
        NO_BINDING,
        toHex(evidence),
        toHex(hints),
        possession,
      ),
  );
}
