import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { descendantsOf, isAlive, makePlace, type Place, type ProcessId } from "./cli-process.ts";

/** `baton up` serves others than whoever reads its output. */

const BATON = fileURLToPath(new URL("../../cli/baton", import.meta.url));
const SERVING_MS = 30_000;
const TICKS_PER_S = 100;

let place: Place;
let child: ChildProcess | undefined;
let pid = 0;
beforeEach(() => {
  place = makePlace();
  spawnSync("git", ["init", "--quiet"], { cwd: place.project });
});
afterEach(async () => {
  const all = pid === 0 ? [] : descendantsOf(pid);
  if (pid !== 0 && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
  await eventually("all of it has ended", () => !all.some(isAlive));
  child?.kill("SIGKILL");
  place.remove();
});

const stateFile = (name: string) => join(place.temp, "state", name);

/** Starts it with its output redirected by a line of bash, and waits until it serves. */
async function up(redirection: string): Promise<{ url: string; ended: Promise<number | null> }> {
  const command = `exec "${BATON}" up --port 0 --state "${place.temp}/state" --slots 1`;
  const line = `(echo $BASHPID > pid; ${command}) ${redirection}`;
  const started = spawn("bash", ["-c", line], {
    cwd: place.project,
    env: { PATH: process.env["PATH"] ?? "", HOME: place.temp, TMPDIR: place.temp },
    stdio: "ignore",
  });
  child = started;
  const ended = new Promise<number | null>((resolve) => started.once("exit", resolve));
  const url = await eventually(
    "it serves",
    () => {
      if (started.exitCode !== null) throw new Error(`it ended with ${started.exitCode}: ${logOf("stack.log")}`);
      return /"kind":"ready","url":"([^"]+)"/.exec(logOf("stack.log"))?.[1];
    },
    SERVING_MS,
  );
  pid = Number(readFileSync(join(place.project, "pid"), "utf8"));
  await eventually("its runner waits for jobs", () => logOf("runner.log").includes("waits for jobs"), SERVING_MS);
  return { url, ended };
}

const logOf = (name: string) => (existsSync(stateFile(name)) ? readFileSync(stateFile(name), "utf8") : "");

function childRunning(program: string): number {
  const found = descendantsOf(pid).find((id) => commandOf(id).includes(program));
  return Number.parseInt(found ?? "", 10);
}

const commandOf = (id: ProcessId) => readFileSync(`/proc/${Number.parseInt(id, 10)}/cmdline`, "utf8");

/** Processor time of the command itself, in seconds. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

test.each([
  ["a pipe whose reader has gone", "2>&1 | head -1"],
  ["a pipe that nobody ever read", "2>&1 | true"],
  ["/dev/full", "> /dev/full 2>&1"],
  ["closed descriptors", ">&- 2>&-"],
])("case L13: with its output to %s baton up serves on, keeps its runner, and idles", async (_name, redirection) => {
  const { url, ended } = await up(redirection);
  process.kill(childRunning("runner/main"), "SIGKILL");
  await eventually("the log tells of the runner", () =>
    logOf("stack.log").includes("the runner was killed by SIGKILL; it is started again"),
  );
  await eventually("another runner waits", () => logOf("runner.log").split("waits for jobs").length > 2, SERVING_MS);
  const [cpuS, sinceMs] = [cpuSeconds(), systemClock.monotonicMs()];
  await eventually("two seconds pass", () => systemClock.monotonicMs() > sinceMs + 2_000);
  // A loop takes all of a core that it is given; this needs a hundredth.
  expect(cpuSeconds() - cpuS).toBeLessThan(0.5);
  expect((await fetch(`${url}/healthz`)).ok).toBe(true);
  process.kill(pid, "SIGTERM");
  await ended;
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});

test("case L13: with nobody to tell, the log tells why baton up ended, and all that it started ends", async () => {
  const { ended } = await up("2>&1 | head -1");
  const all = descendantsOf(pid);
  process.kill(childRunning("localstack/main"), "SIGKILL");
  await ended;
  await eventually("all of it ends", () => !all.some(isAlive) && !existsSync(`/proc/${pid}`));
  expect(logOf("stack.log")).toContain("the control plane was killed by SIGKILL");
});
