import { deps } from "./process-deps.ts";
import { reconcileLambda } from "./queue-calls.ts";

/** Keeps runs going, one tick at a time. */
export const handler = reconcileLambda(deps);
