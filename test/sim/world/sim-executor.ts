import type { Execution, Executor, Lost, StartAttempt, StepEnd } from "../../../runner/executors/executor.ts";
import { foldersBelow } from "../../../runner/work-dir.ts";
import type { Exchange } from "../../../shared/protocol/client.ts";
import type { Actor } from "../engine/actor.ts";
import type { Simulation } from "../engine/simulation.ts";
import { makePipe, type SimHost } from "./sim-host.ts";
import { fetchOver } from "./sim-network.ts";
import type { AttemptProcesses } from "./sim-processes.ts";
import { makeSimWatchdog, type SimWatchdog, type WatchdogReport } from "./sim-watchdog.ts";
import { stepScript } from "./step-script.ts";

/** Whoever looks at what really runs. */
export interface AttemptWatch {
  readonly started: (attempt: AttemptProcesses) => void;
  readonly onStep: (attempt: AttemptProcesses) => void;
}

/** The executor of one runner process, as runner/executors/process.ts is one, over simulated watchdogs. */
export interface SimExecutor {
  readonly executor: Executor;
  /** Its living watchdogs. */
  readonly watchdogs: ReadonlySet<SimWatchdog>;
  /** Scripts of steps, by file: what a shell would read. */
  writeScript(file: string, script: string): Promise<void>;
}

const START_MS_MAX = 40;
const NOTICE_MS_MAX = 20;

export function makeSimExecutor(
  sim: Simulation,
  host: SimHost,
  runner: Actor,
  exchange: Exchange,
  watch: AttemptWatch,
): SimExecutor {
  const scripts = new Map<string, string>();
  const watchdogs = new Set<SimWatchdog>();
  return {
    watchdogs,
    async writeScript(file, script) {
      scripts.set(file, script);
    },
    executor: {
      start: (request) =>
        new Promise((resolve) => {
          const attempt = processesOf(request, host, watch);
          watch.started(attempt);
          sim.at(runner, 2 + runner.dice() * START_MS_MAX, `${attempt.jobId} at fence ${attempt.fence} is held`, () =>
            resolve(execute({ sim, host, runner, exchange, request, attempt, scripts, watchdogs })),
          );
        }),
      close: async () => undefined,
    },
  };
}

/** The cookie says whose processes they are: `<run>/<job>/<fence>/<random>`. */
function processesOf({ cookie }: StartAttempt, host: SimHost, { onStep }: AttemptWatch): AttemptProcesses {
  const [runId = "", jobId = "", fence] = cookie.split("/");
  return { runId, jobId, fence: Number(fence), host, running: new Set(), exits: [], onStep, slept: host.suspended };
}

interface Executing {
  readonly sim: Simulation;
  readonly host: SimHost;
  readonly runner: Actor;
  readonly exchange: Exchange;
  readonly request: StartAttempt;
  readonly attempt: AttemptProcesses;
  readonly scripts: ReadonlyMap<string, string>;
  readonly watchdogs: Set<SimWatchdog>;
}

function execute({ sim, host, runner, exchange, request, attempt, scripts, watchdogs }: Executing): Execution {
  const name = `${attempt.jobId} at fence ${attempt.fence}`;
  const actor = host.spawn(`watchdog of ${name}`);
  actor.fetch = fetchOver(exchange);
  const toRunner = makePipe(sim, runner, `reports of ${actor.name}`);
  const toWatchdog = makePipe(sim, actor, `commands to ${actor.name}`);
  const lost = Promise.withResolvers<Lost>();
  let isLost = false;
  let isClosed = false;
  /** A step and the end of all may be waited for at once. */
  const awaited = new Map<"exited" | "stopped", (report: WatchdogReport | undefined) => void>();

  const watchdog = makeSimWatchdog(sim, actor, attempt, request, (report) => toRunner(() => hear(report)));
  watchdogs.add(watchdog);

  function hear(report: WatchdogReport): void {
    if (report.type === "fenced") lose({ kind: "fenced", clean: true });
    else answerTo(report.type === "stopped" ? "stopped" : "exited", report);
  }

  function lose(how: Lost): void {
    if (isLost) return;
    isLost = true;
    lost.resolve(how);
    answerTo("exited", undefined);
    answerTo("stopped", undefined);
  }

  function answerTo(type: "exited" | "stopped", report: WatchdogReport | undefined): void {
    const answer = awaited.get(type);
    awaited.delete(type);
    answer?.(report);
  }

  const next = (type: "exited" | "stopped") =>
    new Promise<WatchdogReport | undefined>((resolve) => void awaited.set(type, resolve));

  runner.onDeath.push(() => {
    if (actor.alive)
      sim.at(actor, runner.dice() * NOTICE_MS_MAX, `${actor.name} misses its runner`, watchdog.runnerGone);
    // Nobody is left to end them: that is the loss of a host, and no process survives that.
    else for (const one of attempt.running) sim.kill(one, "runner and watchdog are gone");
  });
  actor.onDeath.push(() => {
    watchdogs.delete(watchdog);
    if (isLost || isClosed) return;
    // The runner sees the channel close, and ends the processes itself.
    for (const one of attempt.running)
      sim.at(host.kernel, runner.dice() * NOTICE_MS_MAX, `${one.name} ends`, () =>
        sim.kill(one, "its watchdog is gone"),
      );
    sim.at(runner, 2 * NOTICE_MS_MAX, `${actor.name} is missed`, () => lose({ kind: "executor_died", clean: true }));
  });

  const folders = foldersBelow(`/sim/${request.cookie}`);
  return {
    folders,
    seen: folders,
    warnings: [],
    lost: lost.promise,
    async run({ command }): Promise<StepEnd> {
      if (isLost) return { kind: "lost" };
      const file = command.at(-1) ?? "";
      const script = stepScript.parse(JSON.parse(scripts.get(file) ?? ""));
      const answer = next("exited");
      const stepName = file.slice(file.lastIndexOf("/") + 1);
      // The end of a step is told behind all that it wrote.
      const output = (bytes: Buffer) => toRunner(() => void request.output(bytes));
      toWatchdog(() => watchdog.command({ type: "step", name: stepName, script, output }));
      const report = await answer;
      if (report === undefined) return { kind: "lost" };
      if (report.type === "exited") return { kind: "exited", exitCode: report.exitCode };
      return { kind: "refused", code: "ECANCELED", message: "the attempt is being stopped" };
    },
    renew: (deadline) => toWatchdog(() => watchdog.command({ type: "deadline", ...deadline })),
    async stop(graceMs) {
      if (isLost) return { clean: (await lost.promise).clean, killed: 0 };
      const answer = next("stopped");
      toWatchdog(() => watchdog.command({ type: "stop", graceMs, marker: "" }));
      const report = await answer;
      if (report?.type !== "stopped") return { clean: (await lost.promise).clean, killed: 0 };
      return { clean: true, killed: report.killed };
    },
    async close() {
      isClosed = true;
      toWatchdog(() => watchdog.command({ type: "done" }));
    },
  };
}
