import { INSTRUMENTER_CONSTANTS } from "@stryker-mutator/api/core";
import { beforeAll, beforeEach } from "vitest";

/**
 * Tests of a room that take too long for each planted fault are skipped, also in the run without one; and all that come
 * after the first that failed. Vitest's own `bail` may lose the failure, where one process has all files.
 */

const without: readonly string[] = JSON.parse(process.env["BATON_MUTATION_WITHOUT"] ?? "[]");

/** This file is evaluated anew for each file of tests. */
const seen: { hasFailed?: boolean } = Reflect.get(globalThis, Symbol.for("baton mutation")) ?? {};
Reflect.set(globalThis, Symbol.for("baton mutation"), seen);

/** Without a fault, all that fail are shown. */
const isPlanted = (): boolean =>
  (Reflect.get(globalThis, INSTRUMENTER_CONSTANTS.NAMESPACE) as { activeMutant?: string } | undefined)?.activeMutant !==
  undefined;

beforeAll(() => {
  if (seen.hasFailed === true && isPlanted()) throw new Error("a test of another file has failed");
});

beforeEach(({ task, skip, onTestFailed }) => {
  onTestFailed(() => {
    seen.hasFailed = true;
  });
  const suite = task.suite?.name ?? "";
  if ((seen.hasFailed === true && isPlanted()) || without.some((words) => `${suite} ${task.name}`.includes(words)))
    skip();
});
