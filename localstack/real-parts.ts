import { deps } from "../functions/process-deps.ts";
import { createToken, makeTokenCheck } from "../shared/usecases/manage-tokens.ts";
import { loadFunctions } from "./load-functions.ts";
import type { StackParts } from "./run-stack.ts";
import { prometheusStackMeter } from "./stack-meter.ts";

/** The functions that a deployment runs, on the environment that is set by now. */
export async function loadRealParts(): Promise<StackParts> {
  return {
    handlers: await loadFunctions(new URL("../functions/", import.meta.url)),
    mintToken: async (name, scopes, pools) => (await createToken(deps, { name, scopes, pools })).token,
    tokenLives: async (token) => (await makeTokenCheck(deps)(token)) !== undefined,
    meter: prometheusStackMeter(deps.observer.registry, deps.meter),
  };
}
