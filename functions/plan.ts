import { deps } from "./process-deps.ts";
import { planLambda } from "./queue-calls.ts";

/** Plans the runs whose definition must be read first. */
export const handler = planLambda(deps);
