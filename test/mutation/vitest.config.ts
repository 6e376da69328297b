import path from "node:path";
import { defineConfig } from "vitest/config";
import type { TestSequencer } from "vitest/node";

const globs: readonly string[] = JSON.parse(process.env["BATON_MUTATION_TESTS"] ?? "[]");

const placeOf = (file: string): number =>
  globs.findIndex((glob) => path.matchesGlob(path.relative(process.cwd(), file), glob));

/** In the order of the room's list, quick ones first: the first that fails ends the run of a planted fault. */
function asListed(): TestSequencer {
  return {
    shard: async (files) => files,
    sort: async (files) => files.toSorted((a, b) => placeOf(a.moduleId) - placeOf(b.moduleId)),
  };
}

/**
 * The tests of one room, named by whoever runs Stryker; started in its processes, so told by the environment. One
 * process loads all of them: the modules are evaluated once for each fault, and not once for each file.
 */
export default defineConfig({
  test: {
    include: [...globs],
    setupFiles: ["test/mutation/pass-mutant-on.ts", "test/mutation/skip-rest.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    isolate: false,
    // Below node_modules it would be loaded once, and see no test but those of the first file.
    server: { deps: { inline: [/stryker-setup-\d+\.js$/] } },
    // Called with `new`, which leaves what it returns.
    sequence: { sequencer: asListed as unknown as new () => TestSequencer },
  },
});
