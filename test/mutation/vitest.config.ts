import { defineConfig } from "vitest/config";

/** The tests of one room, named by whoever runs Stryker; started in its processes, so told by the environment. */
export default defineConfig({
  test: {
    include: (process.env["BATON_MUTATION_TESTS"] ?? "").split(",").filter((glob) => glob !== ""),
    setupFiles: ["test/mutation/pass-mutant-on.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
