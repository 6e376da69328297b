import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { ended, type RunnerBench, startRunnerBench } from "../support/runner-bench.ts";

/** A step whose child the kernel kills for lack of memory, in a real cgroup: where this user may make one. */

const LIMIT_BYTES = 400 * 1_024 * 1_024;
const group = makeGroup();

let bench: RunnerBench;
beforeEach(async () => {
  bench = await startRunnerBench();
});
afterEach(() => bench.stop());
afterAll(async () => {
  if (group === undefined) return;
  await eventually("the group is empty", () => readFileSync(join(group, "cgroup.procs"), "utf8") === "");
  rmdirSync(group);
});

/** A cgroup (v1 or v2) with a limit of memory; undefined where there can be none. */
function makeGroup(): string | undefined {
  const name = `baton-test-${process.pid}`;
  for (const [root, file] of [
    ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
    ["/sys/fs/cgroup", "memory.max"],
  ] as const) {
    try {
      if (!readdirSync(root).includes("cgroup.procs")) continue;
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, file), String(LIMIT_BYTES));
      return join(root, name);
    } catch {
      // Not this hierarchy, or not for us.
    }
  }
  return undefined;
}

describe.skipIf(group === undefined)("memory", () => {
  const HUNGRY = `node -e "const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1))"`;

  test("case A13: a child that the kernel kills for lack of memory is said to be, by class and hint", async () => {
    await bench.spawn({ args: ["--slots", "1"], cgroup: group });
    const job = bench.plane.addJob({ steps: [{ run: `${HUNGRY}; exit $?` }] });
    bench.plane.offer(job);
    expect(await ended(job)).toBe("complete failed");
    expect(job.completion).toMatchObject({ exitCode: 137, failure: { class: "memory" } });
    expect(job.completion?.failure?.message).toContain("the kernel killed it for lack of memory");
  });

  test("case A13: a child that somebody else kills is not", async () => {
    await bench.runner();
    const job = bench.plane.addJob({ steps: [{ run: "sh -c 'kill -9 $$'; exit $?" }] });
    bench.plane.offer(job);
    expect(await ended(job)).toBe("complete failed");
    expect(job.completion).toMatchObject({
      exitCode: 137,
      failure: { class: "user", message: expect.stringContaining("perhaps for lack of memory") },
    });
  });
});
