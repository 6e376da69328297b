import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { type RunnerBench, startRunnerBench } from "../support/runner-bench.ts";

/**
 * What a step does to the folders of its attempt, without a sandbox, is its own affair or its own failure: never the
 * host's, which would try it again and back off.
 */

let bench: RunnerBench;
beforeEach(async () => {
  bench = await startRunnerBench();
});
afterEach(() => bench.stop());

/** Root reads what has mode 000; a folder's owner without that power does not. */
const user = process.getuid?.() === 0 ? { uid: 65_534 } : {};

const ATTACKS: readonly [what: string, script: string, outcome: "succeeded" | "failed"][] = [
  ["takes its rights to the folder above", 'chmod 000 "$BATON_WORKSPACE/.."', "succeeded"],
  [
    "takes its rights to all folders above",
    'up=$BATON_WORKSPACE; for _ in 1 2 3; do up=$(dirname "$up"); chmod 000 "$up"; done',
    "succeeded",
  ],
  ["takes its rights to its own folders", 'chmod 000 "$BATON_WORKSPACE" "$HOME" "$TMPDIR"', "succeeded"],
  ["removes what is beside its workspace", "cd ..; rm -rf h t s l a", "succeeded"],
  [
    "replaces what is beside its workspace",
    "cd ..; rm -rf h t s l a; ln -s /etc s; ln -s /etc l; echo x > a; echo x > t",
    "succeeded",
  ],
  ["replaces its workspace by a link", "cd ..; mv work other; ln -s /etc work", "failed"],
  ["replaces its workspace by a file", "cd ..; rm -rf work; echo x > work", "failed"],
  ["removes its workspace", 'rm -rf "$BATON_WORKSPACE"', "failed"],
  ["moves the folder above away", 'cd ../..; mv "$OLDPWD/.." ./away 2>/dev/null || mv 1 away', "failed"],
];

test.each(ATTACKS)("case A5: a step that %s", async (_, script, outcome) => {
  await bench.spawn({ args: ["--slots", "2"], ...user });
  const job = bench.plane.addJob({ steps: [{ run: script }, { run: "echo again > again" }] });
  job.spec.artifacts.paths.push("again");
  bench.plane.offer(job);
  await eventually("it ends", () => job.ends[0] !== undefined);
  expect(job.ends).toEqual([`complete ${outcome}`]);
  if (outcome === "failed")
    expect(job.completion?.failure).toMatchObject({
      class: "user",
      message: expect.stringMatching(/step (removed|replaced)/),
    });
  else expect(job.completion?.losses).toEqual([]);
  const innocent = bench.plane.addJob({ script: "true" });
  bench.plane.offer(innocent);
  await eventually("the next job ends", () => innocent.ends[0] !== undefined);
  expect(innocent.ends).toEqual(["complete succeeded"]);
});

describe("case A5: a step that leaves no room for what comes after it", () => {
  const disk = mkdtempSync(join(tmpdir(), "baton-small-disk-"));
  const options = "size=64m,nr_inodes=1500,mode=777";
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "none", disk]).status === 0;
  if (!mounted) console.log("no tmpfs can be mounted here: what a step that fills the disk costs is not tried");
  afterAll(async () => {
    if (mounted) await eventually("the small disk is unmounted", () => spawnSync("umount", [disk]).status === 0);
    rmdirSync(disk);
  });

  test.skipIf(!mounted).each([
    ["of files", "seq 3000 | xargs touch 2> /dev/null || true"],
    ["of bytes", "cat /dev/zero > big 2> /dev/null || true"],
  ])("%s fails, and is not tried elsewhere", async (_, fill) => {
    const runner = await bench.spawn({ args: ["--slots", "1", "--work-dir", join(disk, "work")] });
    const job = bench.plane.addJob({ steps: [{ run: `echo x > kept; ${fill}` }] });
    job.spec.artifacts.paths.push("kept");
    bench.plane.offer(job);
    await eventually("it ends", () => job.ends[0] !== undefined);
    expect(job.ends).toEqual(["complete failed"]);
    expect(job.completion?.failure).toMatchObject({
      class: "user",
      message: expect.stringContaining("the disk is full"),
    });
    const innocent = bench.plane.addJob({ script: "true" });
    bench.plane.offer(innocent);
    await eventually("the next job ends", () => innocent.ends[0] !== undefined);
    expect(innocent.ends).toEqual(["complete succeeded"]);
    await runner.discard();
  });
});
