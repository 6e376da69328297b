import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Most tests wait for processes more than they compute: also two cores are for two files at a time. */
const maxWorkers = Math.max(2, availableParallelism() - 1);

/** Ends what hangs. Beside other work on the machine everything takes several times as long, and is no worse for it. */
const HANGS_MS = 240_000;

export default defineConfig({
  test: { include: ["test/**/*.test.ts"], testTimeout: HANGS_MS, hookTimeout: HANGS_MS, maxWorkers },
});
