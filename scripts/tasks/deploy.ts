import { task } from "hardhat/config";
import { ArgumentType } from "hardhat/types/arguments";

export const deployTask = task(
  "deploy",
  "Deploys and wires all contracts; resumes where it stopped; writes deployments/<network>.json",
)
  .addFlag({ name: "json", description: "Print the deployment as one JSON object on stdout, and nothing else there" })
  .addFlag({ name: "dryRun", description: "Send nothing; show what would be locked, for whom and until when" })
  .addOption({
    name: "parametersFile",
    description: "Parameters to use instead of deploy/parameters/<network>.json5",
    type: ArgumentType.STRING_WITHOUT_DEFAULT,
    defaultValue: undefined,
  })
  .setAction(async () => import("./deploy.action.ts"))
  .build();
