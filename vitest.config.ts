import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Most tests wait for processes more than they compute: also two cores are for two files at a time. */
const maxWorkers = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  test: { include: ["test/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000, maxWorkers },
});
