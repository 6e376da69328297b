import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { eventually } from "../support/eventually.ts";
import { descendantsOf, isAlive, makePlace, type Place, type ProcessId } from "./cli-process.ts";

/** How the command is started, and what that does to signals and to the command's end. */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BATON = join(ROOT, "cli/baton");
/** The system's own, which hands over; this test itself runs under the one that is handed over to. */
const OLD_NODE = (process.env["PATH"] ?? "")
  .split(":")
  .map((folder) => join(folder, "node"))
  .find(isOld);
const READY = "Baton is up at";

let place: Place;
let started: ProcessId[] = [];
beforeEach(() => {
  place = makePlace();
  place.write({ ".baton/ci.yml": "jobs: {a: {run: 'true'}}\n" });
  spawnSync("git", ["init", "--quiet"], { cwd: place.project });
});
afterEach(async () => {
  for (const one of started.filter(isAlive)) process.kill(Number.parseInt(one, 10), "SIGKILL");
  await eventually("all of it has ended", () => !started.some(isAlive));
  started = [];
  place.remove();
});

function isOld(node: string): boolean {
  const { status, stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return status === 0 && Number.parseInt(stdout.slice(1), 10) < 24;
}

interface Started {
  readonly child: ChildProcess;
  readonly text: () => string;
  /** All below it, at this moment. */
  readonly below: () => ProcessId[];
}

/** A line of sh in which `baton` is the command; `up` is `baton up` on a free port. */
function shell(line: string, env: Readonly<Record<string, string>> = {}): Started {
  const up = `up() { exec "$@" up --port 0 --state "${join(place.temp, "state")}" --slots 1; }; baton="${BATON}"`;
  const child = spawn("sh", ["-c", `${up}; ${line}`], {
    cwd: place.project,
    detached: true,
    env: { PATH: process.env["PATH"] ?? "", HOME: place.temp, TMPDIR: place.temp, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (text += part.toString()));
  const below = () => {
    const found = descendantsOf(child.pid ?? 0);
    started.push(...found);
    return found;
  };
  return { child, text: () => text, below };
}

async function sees({ text, child, below }: Started, what: string): Promise<void> {
  await eventually(`"${what}" is printed`, () => {
    if (!text().includes(what) && child.exitCode !== null) throw new Error(`ended without "${what}":\n${text()}`);
    return text().includes(what);
  });
  below();
}

const ended = ({ child }: Started) =>
  eventually("it ends", () =>
    child.exitCode === null && child.signalCode === null ? undefined : { code: child.exitCode },
  );

const answers = async (text: string): Promise<boolean> => {
  const url = /Baton is up at (\S+)/.exec(text)?.[1];
  return (await fetch(`${url}/healthz`)).ok;
};

/** A signal that did nothing cannot be waited for: one that comes after it, and is heeded, can. */
const ignoring = (signals: string) => `trap '' ${signals}; `;

describe("case L13: a signal that was ignored at the start stays ignored", () => {
  test.each([["HUP"], ["INT"], ["HUP INT QUIT"]])("by baton up: %s", async (signals) => {
    const up = shell(`${ignoring(signals)} up "$baton"`);
    await sees(up, READY);
    for (const signal of signals.split(" ")) up.child.kill(`SIG${signal}` as NodeJS.Signals);
    up.child.kill("SIGTERM");
    expect(await ended(up)).toEqual({ code: 143 });
    expect(up.text()).toContain("stopping");
  });

  test("by baton up, which a stop request reaches no more where that is ignored", async () => {
    const up = shell(`${ignoring("TERM HUP")} up "$baton"`);
    await sees(up, READY);
    up.child.kill("SIGTERM");
    up.child.kill("SIGHUP");
    expect(await answers(up.text())).toBe(true);
    up.child.kill("SIGINT");
    expect(await ended(up)).toEqual({ code: 0 });
  });

  test("by baton run in the background of a script: Ctrl-C is the foreground's", async () => {
    const go = join(place.temp, "go");
    place.write({
      "slow.yml": `jobs: {a: {run: 'echo at-work; grep SigIgn /proc/self/status; until [ -e ${go} ]; do sleep 0.1; done'}}\n`,
    });
    const run = shell(`"$baton" run slow.yml & wait $!`);
    await sees(run, "at-work");
    // As a terminal does: to the whole group. The shell in front dies of it.
    const [command] = run.below();
    process.kill(Number.parseInt(command ?? "", 10), "SIGINT");
    process.kill(Number.parseInt(command ?? "", 10), "SIGQUIT");
    mkdirSync(go);
    expect(await ended(run)).toEqual({ code: 0 });
    // A step starts as from any shell: nothing is ignored there.
    expect(run.text()).toMatch(/SigIgn:\s+0000000000000000/);
  });

  test("by baton runner, and by the runner that other hosts get", async () => {
    const packed = join(place.temp, "packed");
    const pack = spawnSync(process.execPath, [join(ROOT, "runner/pack/main.ts"), packed], { encoding: "utf8" });
    expect(pack.status, pack.stderr).toBe(0);
    const options = `--url http://127.0.0.1:1 --drain-ms 0 --work-dir "${join(place.temp, "work")}"`;
    for (const program of [`"$baton" runner`, `"${packed}/baton-runner/baton-runner"`]) {
      const runner = shell(`${ignoring("HUP INT")} BATON_TOKEN=secret-token-of-nobody exec ${program} ${options}`);
      await sees(runner, "baton runner: ");
      runner.child.kill("SIGHUP");
      runner.child.kill("SIGINT");
      runner.child.kill("SIGTERM");
      expect(await ended(runner)).toEqual({ code: 0 });
      expect(runner.text()).not.toContain("SIGINT");
    }
  }, 120_000);
});

describe("case L13: kill -9 of what was started leaves no orphan that serves", () => {
  test.each([
    ["the command", `up "$baton"`],
    ["the command by a link", `up "./linked"`],
    ["an old Node that handed over", `up "${OLD_NODE}" "${ROOT}cli/baton.mjs"`],
    ["npx", `up npx --offline baton`],
  ])("%s", async (_name, line) => {
    if (line.includes("undefined")) return;
    symlinkSync(BATON, join(place.project, "linked"));
    linkPackage();
    const up = shell(line);
    await sees(up, READY);
    const below = up.below();
    expect(await answers(up.text())).toBe(true);
    up.child.kill("SIGKILL");
    await eventually("all below it ends", () => !below.some(isAlive));
  });

  test("a parent that ends while its runner still starts", async () => {
    const server = { url: "http://127.0.0.1:1", tokenFile: join(place.temp, "token") };
    writeFileSync(server.tokenFile, "token-of-nobody-at-all\n", { mode: 0o600 });
    const runner = shell(
      `echo '${JSON.stringify(server)}' | "${process.execPath}" "${ROOT}runner/main.ts" --server-from-parent --exit-with-parent --work-dir "${place.temp}/work"`,
    );
    expect(await ended(runner)).toEqual({ code: 0 });
    expect(runner.text()).toContain("the parent has ended");
  });

  test("what a script of npm leaves in the background goes on when npm ends", async () => {
    linkPackage();
    const [out, pidFile] = [join(place.temp, "out"), join(place.temp, "pid")];
    const background = `baton up --port 0 --state ${place.temp}/state --slots 1 > ${out} 2>&1 & echo $! > ${pidFile}`;
    const npx = shell(`exec npx --offline -c '${background}'`);
    expect(await ended(npx)).toEqual({ code: 0 });
    const pid = Number(readFileSync(pidFile, "utf8"));
    const said = () => readFileSync(out, "utf8");
    await eventually("it serves", () => said().includes(READY), 30_000);
    started.push(...descendantsOf(pid));
    // Some looks of it at whoever started it later.
    const untilMs = systemClock.monotonicMs() + 2_000;
    await eventually("two seconds pass", () => systemClock.monotonicMs() > untilMs);
    expect(await answers(said())).toBe(true);
    process.kill(pid, "SIGTERM");
    await eventually("it ends", () => !existsSync(`/proc/${pid}`));
    expect(said()).toContain("stopping");
  });
});

/** As `npm install` of this repository in another project. */
function linkPackage(): void {
  mkdirSync(join(place.project, "node_modules/.bin"), { recursive: true });
  symlinkSync(ROOT, join(place.project, "node_modules/baton"));
  symlinkSync("../baton/cli/baton", join(place.project, "node_modules/.bin/baton"));
}
