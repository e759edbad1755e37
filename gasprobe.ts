import { deployProtocol } from "./test/helpers/protocol.ts";
import { openEconomy } from "./test/helpers/economy.ts";
import { rewardsRows } from "./scripts/bench/gas/rewards.ts";
const protocol = await deployProtocol();
const economy = await openEconomy(protocol, { verifiers: 3 });
console.table(await rewardsRows({ protocol, economy } as never), ["name","gasUsed","perUnit","bytes","limit"]);
process.exit(0);
