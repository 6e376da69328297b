import { createHash } from "node:crypto";
import path from "node:path";
import { type Checker, type CheckResult, CheckStatus } from "@stryker-mutator/api/check";
import type { Mutant } from "@stryker-mutator/api/core";
import { declareFactoryPlugin, PluginKind } from "@stryker-mutator/api/plugin";

/** Faults chosen at random, where a whole room takes too long: each of the room's has the same chance. */
export interface Sample {
  readonly size: number;
  readonly seed: number;
}

/** Read here, in a process that Stryker starts. */
export const SAMPLE_VARIABLE = "BATON_MUTATION_SAMPLE";

const ROOT = path.resolve(import.meta.dirname, "../..");

/** The order in which a seed draws them: by a hash, so that what a change of the code leaves alone is drawn again. */
function placeOf({ fileName, location, mutatorName, replacement }: Mutant, seed: number): string {
  const file = path.relative(ROOT, fileName);
  return createHash("sha256")
    .update(JSON.stringify([seed, file, location, mutatorName, replacement]))
    .digest("hex");
}

export function drawSample(mutants: readonly Mutant[], { size, seed }: Sample): Mutant[] {
  const places = new Map(mutants.map((mutant) => [mutant, placeOf(mutant, seed)]));
  return mutants.toSorted((a, b) => ((places.get(a) ?? "") < (places.get(b) ?? "") ? -1 : 1)).slice(0, size);
}

/** Stryker asks a checker before it runs a mutant's tests. All come in one group, since what is drawn depends on all. */
const makeChecker = Object.assign(
  (): Checker => ({
    init: async () => undefined,
    group: async (mutants) => [mutants.map(({ id }) => id)],
    async check(mutants) {
      const drawn = new Set(drawSample(mutants, JSON.parse(process.env[SAMPLE_VARIABLE] ?? "")));
      return Object.fromEntries(mutants.map((mutant) => [mutant.id, drawn.has(mutant) ? DRAWN : LEFT_OUT]));
    },
  }),
  { inject: [] as const },
);

const DRAWN: CheckResult = { status: CheckStatus.Passed };
const LEFT_OUT: CheckResult = { status: CheckStatus.CompileError, reason: "not in the sample" };

export const strykerPlugins = [declareFactoryPlugin(PluginKind.Checker, "sample", makeChecker)];
