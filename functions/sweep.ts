import { deps } from "./process-deps.ts";
import { sweepLambda } from "./sweep-call.ts";
import { makeSweepDeps } from "./sweep-deps.ts";

/** Finds what was lost or is due, once a minute. */
export const handler = sweepLambda(makeSweepDeps(deps));
