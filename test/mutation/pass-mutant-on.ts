import childProcess, { type ForkOptions } from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import { INSTRUMENTER_CONSTANTS } from "@stryker-mutator/api/core";
import { beforeAll } from "vitest";

const { ACTIVE_MUTANT_ENV_VARIABLE, NAMESPACE } = INSTRUMENTER_CONSTANTS;
const { fork } = childProcess;

/**
 * Processes that a test starts have the planted fault, too: the instrumented code reads its number there. The watchdog is
 * started with an environment of its own, so it is put into that.
 */
beforeAll(() => {
  const mutant = (Reflect.get(globalThis, NAMESPACE) as { activeMutant?: string } | undefined)?.activeMutant;
  if (mutant === undefined) return;
  process.env[ACTIVE_MUTANT_ENV_VARIABLE] = mutant;
  const withFault = ({ env = process.env, ...rest }: ForkOptions = {}): ForkOptions => ({
    ...rest,
    env: { ...env, [ACTIVE_MUTANT_ENV_VARIABLE]: mutant },
  });
  childProcess.fork = (file: string | URL, args?: readonly string[] | ForkOptions | null, options?: ForkOptions) =>
    Array.isArray(args)
      ? fork(file, args, withFault(options))
      : fork(file, withFault((args ?? options) as ForkOptions));
  syncBuiltinESMExports();
});
