import { INSTRUMENTER_CONSTANTS } from "@stryker-mutator/api/core";
import { beforeAll } from "vitest";

/** Processes that a test starts have the planted fault, too: the instrumented code reads its number there. */
beforeAll(() => {
  const space: unknown = Reflect.get(globalThis, INSTRUMENTER_CONSTANTS.NAMESPACE);
  const mutant = (space as { activeMutant?: string } | undefined)?.activeMutant;
  if (mutant !== undefined) process.env[INSTRUMENTER_CONSTANTS.ACTIVE_MUTANT_ENV_VARIABLE] = mutant;
});
