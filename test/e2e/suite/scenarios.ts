import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHECKS } from "../../../cli/conformance/all-checks.ts";
import type { Route } from "../../../shared/protocol/route.ts";
import { type RouteName, routes } from "../../../shared/protocol/routes.ts";
import { statusReply } from "../../../shared/protocol/status.ts";
import { eventually } from "../../support/eventually.ts";
import { killRunner, RECOVERY_MS, type Scenario, type Stage } from "./stage.ts";

/** What holds of every Baton, seen from outside: played against the embedded stack and against a deployed one. */

/** What the suite needs besides `default`. */
export const PROBE_POOL = "probes";

const LOOK_MS = 200;

const helloRun: Scenario = {
  title: "two jobs pass, the second with the first one's file; log and artifact are read back",
  async play(stage) {
    stage.commit({ "hello.yml": readFileSync(new URL("../../../examples/hello.yml", import.meta.url), "utf8") });
    await stage.runner();
    const { code, stdout, stderr } = await stage.baton("runs", "create", "hello.yml", "--follow", "--project", "suite")
      .ended;
    deepEqual({ code, stderr }, { code: 0, stderr: "" });
    match(stdout, /shout +│ ONE JOB, ONE HOLDER/);
    const run = /run_\w+/.exec(stdout)?.[0] ?? "";
    const log = await stage.baton("runs", "logs", run, "greet").ended;
    match(log.stdout, /Hello from the job greet, attempt 1\n/);
    const artifacts = await stage.baton("runs", "artifacts", run, "--download", "out").ended;
    equal(artifacts.code, 0, artifacts.stderr);
    equal(readFileSync(join(stage.place.project, "out/greet/out/greeting.txt"), "utf8"), "one job, one holder\n");
  },
};

const fanOut: Scenario = {
  title: "jobs that become free at once are offered at once, and run",
  async play(stage) {
    stage.commit({ "fan-out.yml": readFileSync(new URL("../../../examples/fan-out.yml", import.meta.url), "utf8") });
    await stage.runner();
    const id = await stage.createRun("fan-out.yml");
    await stage.runBecomes(id, "succeeded");
    match((await stage.baton("runs", "logs", id, "join").ended).stdout, /quince: 6\n/);
  },
};

const LARGE_LINES = 200_000;

const largeProducts: Scenario = {
  title: "a log of many chunks and an artifact of megabytes come back whole",
  async play(stage) {
    const steps = [`seq 1 ${LARGE_LINES}`, "head -c 8000000 /dev/zero | tr '\\0' x > x", `seq 1 ${LARGE_LINES} >> x`];
    stage.commit({
      "large.yml": `jobs:\n  large:\n    run: |\n      ${steps.join("\n      ")}\n    artifacts: {paths: [x]}\n`,
    });
    await stage.runner();
    const id = await stage.createRun("large.yml");
    await stage.runBecomes(id, "succeeded");
    const log = await stage.baton("runs", "logs", id, "large").ended;
    const numbers = log.stdout.split("\n").filter((line) => /^\d+$/.test(line));
    deepEqual([numbers.length, numbers.at(0), numbers.at(-1)], [LARGE_LINES, "1", String(LARGE_LINES)]);
    equal((await stage.baton("runs", "artifacts", id, "--download", "out").ended).code, 0);
    const file = readFileSync(join(stage.place.project, "out/large/x"), "utf8");
    equal(file, `${"x".repeat(8_000_000)}${numbers.join("\n")}\n`);
  },
};

const failingJob: Scenario = {
  title: "a failing job fails its run, what needs it is skipped, and the command says so by its exit code",
  async play(stage) {
    stage.commit({ "fail.yml": "jobs:\n  bad: {run: exit 3}\n  next: {needs: bad, run: 'true'}\n" });
    await stage.runner();
    const { code, stdout } = await stage.baton("runs", "create", "fail.yml", "--follow", "--project", "suite").ended;
    equal(code, 1);
    match(stdout, /bad +✘? ?failed/);
    const { jobs } = await stage.client.call("listJobs", { params: { run: /run_\w+/.exec(stdout)?.[0] ?? "" } });
    deepEqual(Object.fromEntries(jobs.map(({ id, state }) => [id, state])), { bad: "failed", next: "skipped" });
    equal(jobs.find(({ id }) => id === "bad")?.attempts[0]?.end?.exitCode, 3);
  },
};

const SLEEPER = "jobs:\n  sleep:\n    run: |\n      echo started\n      exec sleep 300\n";

const cancel: Scenario = {
  title: "a canceled run stops its step within a heartbeat",
  async play(stage) {
    stage.commit({ "sleep.yml": SLEEPER });
    const runner = await stage.runner();
    const run = await stage.createRun("sleep.yml");
    await jobRuns(stage, run, "sleep");
    const { code, stderr } = await stage.baton("runs", "cancel", run, "--reason", "suite").ended;
    equal(code, 0, stderr);
    await stage.runBecomes(run, "canceled");
    await runner.sees("stopped after");
  },
};

/** Nobody counts, or nothing yet, on a server that is up for minutes. */
const MAY_BE_UNKNOWN = ["cost", "sweep"];

const statusTold: Scenario = {
  title: "`baton status` tells the runner, the job that it holds, and what it cannot learn",
  async play(stage) {
    stage.commit({ "sleep.yml": SLEEPER });
    await stage.runner();
    const run = await stage.createRun("sleep.yml");
    await jobRuns(stage, run, "sleep");
    const { code, stdout, stderr } = await stage.baton("status", "--json").ended;
    equal(code, 0, stderr);
    const status = statusReply.parse(JSON.parse(stdout));
    const runner = status.runners.find(({ name, state }) => name.startsWith("suite-") && state === "busy");
    ok((runner?.busy ?? 0) > 0, JSON.stringify(status.runners));
    ok((status.jobs?.leased ?? 0) > 0, JSON.stringify(status.jobs));
    deepEqual(status.pools.map(({ name, offers }) => [name, typeof offers]).at(0), ["default", "number"]);
    deepEqual([...new Set(status.deadLetters.map(({ messages }) => messages))], [0]);
    deepEqual(
      status.unknown.filter(({ what }) => !MAY_BE_UNKNOWN.includes(what)),
      [],
    );
    equal((await stage.baton("runs", "cancel", run).ended).code, 0);
    await stage.runBecomes(run, "canceled");
  },
};

const runnerKilled: Scenario = {
  title: "a killed runner's job runs again elsewhere, under the next fence, and loses no retry of the user's",
  async play(stage) {
    const gate = join(stage.place.temp, "gate");
    stage.commit({
      "gate.yml": `jobs:\n  gated:\n    run: |\n      echo "fence $BATON_FENCE"\n      while [ ! -e ${gate} ]; do sleep 0.1; done\n`,
    });
    const first = await stage.runner();
    const run = await stage.createRun("gate.yml");
    await jobRuns(stage, run, "gated");
    await killRunner(first);
    await stage.runner();
    writeFileSync(gate, "");
    await stage.runBecomes(run, "succeeded");
    const { job } = await stage.client.call("getJob", { params: { run, job: "gated" } });
    deepEqual(
      job.attempts.map(({ fence, runner, end }) => [fence, runner, end?.outcome]),
      [
        [1, "suite-1", "lost"],
        [2, "suite-2", "succeeded"],
      ],
    );
    // Given back by the watchdog's word, not by a lease that ran out.
    deepEqual(
      Object.keys(job.history).filter((move) => /^1\.(release|expire)/.test(move)),
      ["1.release"],
    );
    match((await stage.baton("runs", "logs", run, "gated").ended).stdout, /fence 2\n/);
  },
};

const PARAMS: Readonly<Record<string, string>> = { run: "run_01h455vb4pex5vsknk084sn02q", fence: "1" };

const noToken: Scenario = {
  title: "SECURITY 6: every route but health and webhooks answers 401 to a request without a token",
  async play({ target }) {
    const guarded = (Object.entries(routes) as [RouteName, Route][]).filter(([, { access }]) => access !== "open");
    const wrong: string[] = [];
    // One after the other: at once, a deployed function would start a process for each.
    for (const [name, { method, path }] of guarded) {
      const filled = path.replace(/\{(\w+)\}/g, (_, param: string) => PARAMS[param] ?? "x");
      const response = await fetch(target.url + filled, { method, headers: { "content-type": "application/json" } });
      await response.arrayBuffer();
      if (response.status !== 401) wrong.push(`${name}: ${response.status}`);
    }
    deepEqual(wrong, []);
  },
};

/** A link without its signature is taken where nobody checks them. */
const UNCHECKED = "upload.misuse";

const conformance: Scenario = {
  title: "`baton conformance` finds every promise kept",
  async play(stage) {
    const checked = stage.target.checksCredentials ? CHECKS : CHECKS.filter(({ id }) => id !== UNCHECKED);
    const ids = checked.filter((check) => check.slow !== true).map(({ id }) => id);
    const { code, stdout, stderr } = await stage.baton("conformance", "--pool", PROBE_POOL, "--only", ...ids).ended;
    equal(code, 0, `${stdout}${stderr}`);
  },
};

/** Those that wait a minute for a lease to run out. Little else happens: it is played beside all others. */
export const slowConformance: Scenario = {
  title: "`baton conformance` finds what is slow to try kept too",
  async play(stage) {
    const slow = CHECKS.filter((check) => check.slow === true).map(({ id }) => id);
    const { code, stdout, stderr } = await stage.baton("conformance", "--pool", PROBE_POOL, "--only", ...slow).ended;
    equal(code, 0, `${stdout}${stderr}`);
  },
};

/** May be played at once. */
export const SCENARIOS: readonly Scenario[] = [
  conformance,
  noToken,
  helloRun,
  fanOut,
  largeProducts,
  failingJob,
  cancel,
  statusTold,
];

/** Ends the runner that the others share: it comes after them. */
export const LAST_SCENARIO: Scenario = runnerKilled;

async function jobRuns({ client }: Stage, run: string, job: string): Promise<void> {
  const isRunning = async () => (await client.call("getJob", { params: { run, job } })).job.state === "running";
  await eventually(`${job} of ${run} runs`, isRunning, RECOVERY_MS, LOOK_MS);
}
