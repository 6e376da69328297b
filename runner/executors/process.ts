import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../shared/lib/clock.ts";
import { removeTree } from "../../shared/lib/remove-tree.ts";
import { endProcesses } from "../watchdog/end-processes.ts";
import type { Report } from "../watchdog/protocol.ts";
import { makeFolders } from "../work-dir.ts";
import type { Execution, Executor, Lost, StartAttempt, StepCommand, StepEnd } from "./executor.ts";
import { type FifoSupply, makeFifoSupply } from "./fifo-supply.ts";
import { newMarker, type OutputPipe, openOutputPipe } from "./output-pipe.ts";
import { startWatchdog, type WatchdogHandle } from "./watchdog-handle.ts";
import { makeWatchdogPool, type WatchdogPool } from "./watchdog-pool.ts";

/** How long a watchdog may take to hold an attempt or to say that all is stopped, beyond the grace time. */
const ANSWER_MAX_MS = 15_000;

export interface ProcessExecutorOptions {
  /** This runner process's own folder. */
  readonly folder: string;
  readonly slots: number;
  readonly keepWorkspace: boolean;
  readonly clock: Clock;
  /** The environment of the watchdogs. Steps can read it. */
  readonly watchdogEnvironment: Readonly<Record<string, string>>;
}

/**
 * Runs steps as child processes of a watchdog. The boundary: steps run as the runner's own user, so they can read that
 * user's files and processes, the token file and the runner's memory included, and other attempts' workspaces. It keeps
 * honest jobs apart and ends them surely; it does not hold a hostile one. Untrusted code needs its own pool and a
 * container executor (DESIGN section 5, "Trust").
 */
export function makeProcessExecutor(options: ProcessExecutorOptions): Executor {
  const fifos = makeFifoSupply(options.folder);
  const pool = makeWatchdogPool(() => startWatchdog(options.watchdogEnvironment), options.slots);
  let attempts = 0;
  return {
    async start(request) {
      attempts += 1;
      const folder = join(options.folder, `attempt-${attempts}`);
      return startExecution({ ...options, folder, fifos, pool }, request);
    },
    close: () => pool.close(),
  };
}

interface ExecutionDeps extends ProcessExecutorOptions {
  readonly fifos: FifoSupply;
  readonly pool: WatchdogPool;
}

async function startExecution(deps: ExecutionDeps, request: StartAttempt): Promise<Execution> {
  const folders = makeFolders(deps.folder);
  const fifo = await deps.fifos.take();
  const pipe = openOutputPipe(fifo, request.output, deps.clock);
  const watchdog = deps.pool.take();
  const link = linkTo(watchdog, request.cookie, deps.clock);
  const { cookie, release, killAtMs, expiresAtMs } = request;
  watchdog.send({ type: "attempt", cookie, pipe: fifo, release, killAtMs, expiresAtMs });
  await link.next("ready");
  pipe.read();
  let clean = true;

  return {
    folders,
    lost: link.lost,
    run: (step) => runStep(watchdog, link, pipe, step),
    renew: (deadline) => watchdog.send({ type: "deadline", ...deadline }),
    async stop(graceMs) {
      const marker = newMarker();
      const drained = pipe.expect(marker);
      watchdog.send({ type: "stop", graceMs, marker });
      const answer = await link.next("stopped", graceMs + ANSWER_MAX_MS);
      if (answer?.type !== "stopped") return { clean: (await link.lost).clean, killed: 0 };
      await drained.seen();
      clean &&= answer.clean;
      return answer;
    },
    async close() {
      pipe.close();
      const reusable = clean && !link.isLost();
      link.close();
      watchdog.send({ type: "done" });
      deps.pool.giveBack(watchdog, reusable);
      await unlink(fifo);
      if (!deps.keepWorkspace) await removeTree(deps.folder);
    },
  };
}

async function runStep(
  watchdog: WatchdogHandle,
  link: WatchdogLink,
  pipe: OutputPipe,
  step: StepCommand,
): Promise<StepEnd> {
  const marker = newMarker();
  const drained = pipe.expect(marker);
  watchdog.send({ type: "step", ...step, marker });
  const report = await link.next("exited");
  if (report === undefined) return { kind: "lost" };
  if (report.type === "refused") return { kind: "refused", code: report.code, message: report.message };
  await drained.seen();
  if (report.type !== "exited") throw new Error(`a watchdog answered a step with ${report.type}`);
  if (report.signal !== undefined) return { kind: "signaled", signal: report.signal };
  return { kind: "exited", exitCode: report.exitCode ?? 0 };
}

interface WatchdogLink {
  /** The next report of that type (for `exited`, also `refused`), undefined once the attempt is lost. */
  next(type: "ready" | "exited" | "stopped", withinMs?: number): Promise<Report | undefined>;
  readonly lost: Promise<Lost>;
  isLost(): boolean;
  /** The watchdog is nobody's again: its end means nothing to this attempt. */
  close(): void;
}

/** Turns a watchdog's reports into answers, and its death into `lost`, with the processes ended by the runner itself. */
function linkTo(watchdog: WatchdogHandle, cookie: string, clock: Clock): WatchdogLink {
  const leaders = new Set<number>();
  const waiting = new Map<string, (report: Report | undefined) => void>();
  const { promise: lost, resolve: lose } = Promise.withResolvers<Lost>();
  let over = false;

  watchdog.listen((report) => {
    if (report.type === "started") leaders.add(report.pid);
    if (report.type === "exited" && !report.groupLeft) leaders.delete(report.pid);
    if (report.type === "fenced") end({ kind: "fenced", clean: report.clean });
    else answer(report.type === "refused" ? "exited" : report.type, report);
  });
  watchdog.exited.then(async () => {
    if (over) return;
    const { clean } = await endProcesses({ cookie, leaders }, () => 0, clock.monotonicMs);
    end({ kind: "executor_died", clean });
  }, noEnd);

  function answer(type: string, report: Report | undefined): void {
    waiting.get(type)?.(report);
    waiting.delete(type);
  }

  function end(how: Lost): void {
    if (over) return;
    over = true;
    lose(how);
    for (const type of [...waiting.keys()]) answer(type, undefined);
  }

  return {
    lost,
    isLost: () => over,
    close() {
      over = true;
    },
    async next(type, withinMs) {
      if (over) return undefined;
      const { promise, resolve } = Promise.withResolvers<Report | undefined>();
      waiting.set(type, resolve);
      if (withinMs === undefined) return promise;
      // A watchdog that does not answer is as good as dead; killing it makes it so, and the runner takes over.
      const patience = setTimeout(() => watchdog.kill(), withinMs);
      return promise.finally(() => clearTimeout(patience));
    },
  };
}

/** `exited` never rejects. */
function noEnd(): void {}
