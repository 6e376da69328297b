import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../shared/lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import type { Attack } from "../attack.ts";

/** A full disk below spool and workspace: a small tmpfs, which root may mount, and `unshare -Urm` lets anybody. */

const DISK_MIB = 48;
const MIB = 2 ** 20;
const RUN_MS = 120_000;
/** More than the disk holds, and does not compress. */
const PRINTED_MIB = 96;

export const diskAttacks: readonly Attack[] = [
  {
    name: "disk-full",
    invariants: [11, 12],
    about:
      "the runner's disk is full: for the log's spool while S3 is down, for a step, for a new workspace. Recovery: birth → the run's end",
    short: false,
    impossible() {
      const folder = mkdtempSync(join(tmpdir(), "baton-mount-"));
      const mounted = mount(folder);
      if (mounted === undefined) spawnSync("umount", [folder]);
      rmdirSync(folder);
      return mounted === undefined
        ? undefined
        : `no tmpfs can be mounted (${mounted}); try: unshare -Urm npm run attack`;
    },
    async strike(field) {
      const workDir = join(field.dir, "small-disk");
      mkdirSync(workDir, { mode: 0o700 });
      const failed = mount(workDir);
      if (failed !== undefined) throw new Error(`the small disk could not be mounted: ${failed}`);
      try {
        const runner = await field.addRunner({ slots: 1, workDir });
        const content = Buffer.from(Array.from({ length: MIB }, () => field.dice.between(0, 255)));
        const path = join(field.dir, "noise");
        writeFileSync(path, content);
        const sinceMs = systemClock.monotonicMs();
        field.setFaults({ bucket: "down" });
        const spooled = await field.createRun([{ id: "spool", file: { path, content, times: PRINTED_MIB } }]);
        await field.sees(spooled, "spool", "end", 1, RUN_MS);
        field.setFaults({ bucket: "pass" });
        await field.runEnds(spooled, RUN_MS);
        const spoolMs = systemClock.monotonicMs() - sinceMs;

        const writes = {
          id: "writes",
          bytes: 1_000,
          state: "failed" as const,
          script: `head -c ${2 * DISK_MIB * MIB} /dev/zero > big`,
        };
        const written = await field.createRun([writes]);
        // Its workspace is gone then: no room comes free by itself after the disk is filled.
        await eventually(
          "the workspace is removed",
          () => runner.events.some((event) => event.type === "attempt_ended" && event.run === written),
          RUN_MS,
        );

        // Not even a workspace can be made: the attempt is given back, and goes on when there is room.
        const filler = join(workDir, "filler");
        spawnSync("sh", ["-c", `cat /dev/zero > "${filler}"`]);
        const waits = await field.createRun([{ id: "waits", bytes: 1_000 }]);
        await eventually(
          "an attempt is given back",
          async () => (await field.job(waits, "waits")).attempts.some(({ end }) => end?.outcome === "lost"),
          RUN_MS,
          20,
        );
        rmSync(filler);
        const freedMs = systemClock.monotonicMs();
        await field.runEnds(waits, RUN_MS);
        const lossMs = systemClock.monotonicMs() - freedMs;
        const { attempts } = await field.job(spooled, "spool");
        if ((attempts.at(-1)?.end?.log?.lostBytes ?? 0) === 0)
          throw new Error("the spool was not full: nothing was tried");
        return { faults: 3, recoveriesMs: [spoolMs, lossMs] };
      } finally {
        for (const { child, exited } of field.runners) {
          child.kill("SIGKILL");
          await exited;
        }
        await eventually("the small disk is unmounted", () => spawnSync("umount", [workDir]).status === 0);
      }
    },
  },
];

/** Why it did not work; undefined where it did. */
function mount(folder: string): string | undefined {
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "none", folder]);
  return status === 0
    ? undefined
    : String(stderr ?? "there is no mount")
        .trim()
        .split("\n")[0];
}
