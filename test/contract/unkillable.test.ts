import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bootClock } from "../../runner/boot-clock.ts";
import { eventually } from "../support/eventually.ts";
import { FAKE_TOKEN, startFakeControlPlane } from "../support/fake-control-plane.ts";
import { isAlive, signal } from "../support/processes.ts";
import { spawnRunner } from "../support/runner-process.ts";

/**
 * Invariant 8: a lease is given back only after nothing of its attempt lives. A process that cannot be killed is one that
 * became root, of a runner that is not.
 */

const NOBODY = 65_534;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
const WATCHDOG = join(import.meta.dirname, "../../runner/watchdog/main.ts");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "baton-unkillable-"));
  chownSync(folder, NOBODY, NOBODY);
});
afterEach(() => {
  const file = join(folder, "pid");
  if (existsSync(file)) signal(Number(readFileSync(file, "utf8")), "SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** A script that starts a process in the background, which writes its id. */
function background(becomes: "root" | "nobody"): string {
  const program = join(folder, "become");
  copyFileSync(execFileSync("sh", ["-c", "command -v setpriv"], { encoding: "utf8" }).trim(), program);
  chmodSync(program, 0o4755);
  const sleeper = `sh -c 'echo $$ > ${folder}/pid; exec sleep 600'`;
  const started = becomes === "root" ? `${program} --reuid=0 --regid=0 --clear-groups ${sleeper}` : sleeper;
  return `${started} > /dev/null 2>&1 & while [ ! -s ${folder}/pid ]; do sleep 0.05; done`;
}

const pidOf = () => {
  const file = join(folder, "pid");
  return existsSync(file) && Number(readFileSync(file, "utf8")) > 0 && Number(readFileSync(file, "utf8"));
};

describe.skipIf(process.geteuid?.() !== 0)("case T: a process that cannot be ended keeps its lease", () => {
  let server: Server;
  let released: string[];
  let watchdog: ChildProcess;
  beforeEach(async () => {
    released = [];
    server = createServer((request, response) => {
      released.push(request.url ?? "");
      response.end("{}");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterEach(() => {
    server.close();
    watchdog.kill("SIGKILL");
  });

  /** A watchdog that holds an attempt with one process in the background. */
  async function hold(becomes: "root" | "nobody", killInMs: number): Promise<number> {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    chownSync(pipe, NOBODY, NOBODY);
    const [program = "", ...args] = [...AS_NOBODY, process.execPath, WATCHDOG];
    watchdog = spawn(program, args, { stdio: ["ignore", "ignore", "inherit", "ipc"], detached: true, cwd: "/" });
    const killAtMs = bootClock.monotonicMs() + killInMs;
    const release = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/release`, token: "lease" };
    watchdog.send({ type: "attempt", cookie: folder, pipe, release, killAtMs, expiresAtMs: killAtMs + 500 });
    const env = { PATH: process.env["PATH"] ?? "", BATON_ATTEMPT: folder };
    const command = ["sh", "-ec", background(becomes)];
    watchdog.send({ type: "step", command, cwd: folder, env, marker: "x" });
    return eventually("the process runs", pidOf);
  }

  test.for([
    ["nobody", "the runner is gone", ["/release"]],
    ["root", "the runner is gone", []],
    ["nobody", "the deadline passes", ["/release"]],
    ["root", "the deadline passes", []],
  ] as const)(
    "invariant 8: a watchdog with a process of %s, when %s, releases: %j",
    { timeout: 40_000 },
    async ([becomes, when, wanted]) => {
      const pid = await hold(becomes, when === "the deadline passes" ? 4_000 : 60_000);
      const exited = once(watchdog, "exit");
      if (when === "the runner is gone") watchdog.disconnect();
      await exited;
      expect({ released, isAlive: isAlive(pid) }).toEqual({ released: wanted, isAlive: becomes === "root" });
    },
  );

  test("invariant 8: a runner neither completes nor releases an attempt with such a process", {
    timeout: 60_000,
  }, async () => {
    watchdog = spawn("true");
    const plane = await startFakeControlPlane();
    const workDir = join(folder, "work");
    mkdirSync(workDir);
    const args = ["--slots", "1", "--sandbox", "off"];
    const runner = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, uid: NOBODY, workDir, args });
    const job = plane.addJob({ script: background("root") });
    plane.offer(job);
    const end = await eventually(
      "the attempt ends",
      () => runner.events.find(({ type }) => type === "attempt_ended"),
      40_000,
    );
    expect(end).toMatchObject({ end: "unclean" });
    expect(job.ends).toEqual([]);
    signal(Number(pidOf()), "SIGKILL");
    await runner.discard();
    await plane.stop();
  });
});
