import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { FAKE_TOKEN, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { processTree } from "../support/process-tree.ts";
import { isAlive, signal } from "../support/processes.ts";
import { spawnRunner } from "../support/runner-process.ts";

test("the next runner of a work folder ends steps whose runner and watchdog were both killed", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "baton-leftovers-"));
  const plane = await startFakeControlPlane();
  const first = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, args: ["--slots", "1"] });
  const file = join(scratch, "pid");
  plane.offer(plane.addJob({ script: `echo $$ > ${file}; while :; do sleep 0.05; done` }));
  const step = await eventually("the step runs", () => existsSync(file) && Number(readFileSync(file, "utf8")));
  // Stopped, so that it cannot end the step itself when its watchdog dies.
  first.child.kill("SIGSTOP");
  await eventually("it is stopped", () => / T /.test(readFileSync(`/proc/${first.pid}/stat`, "utf8")));
  for (const { pid, command } of processTree(first.pid)) if (command.includes("watchdog")) signal(pid, "SIGKILL");
  first.child.kill("SIGKILL");
  await first.exited;
  expect(isAlive(step)).toBe(true);

  const second = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, workDir: first.workDir });
  await eventually("the step is ended", () => !isAlive(step));
  await second.heard("leftovers_removed");

  await second.discard();
  await plane.stop();
  rmSync(scratch, { recursive: true });
});
