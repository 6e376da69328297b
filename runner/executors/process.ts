import type { Clock } from "../../shared/lib/clock.ts";
import { type PinnedFolder, pinFolder } from "../../shared/lib/pinned-folder.ts";
import { removeFile, removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { mendAbove } from "../mend-folders.ts";
import { isTooLong, type Sandbox } from "../sandbox/open-sandbox.ts";
import { INSIDE, type Trust } from "../sandbox/plan-sandbox.ts";
import { findProgram } from "../sandbox/tools.ts";
import { endProcesses } from "../watchdog/end-processes.ts";
import type { Report } from "../watchdog/protocol.ts";
import { type Space, spaceIsGone } from "../watchdog/space.ts";
import { makeFolders } from "../work-dir.ts";
import type { Execution, Executor, Folders, Lost, StartAttempt, StepCommand, StepEnd } from "./executor.ts";
import { type FifoSupply, makeFifoSupply } from "./fifo-supply.ts";
import { newMarker, type OutputPipe, openOutputPipe } from "./output-pipe.ts";
import { makeSlotFolders, type SlotFolder } from "./slot-folders.ts";
import { startWatchdog, type WatchdogHandle } from "./watchdog-handle.ts";
import { makeWatchdogPool, type WatchdogPool } from "./watchdog-pool.ts";

/** How long a watchdog may take to hold an attempt or to say that all is stopped, beyond the grace time. */
const ANSWER_MAX_MS = 15_000;
/** How long the kernel may take to end a sandbox whose watchdog has died. */
const SPACE_END_MAX_MS = 5_000;

export interface ProcessExecutorOptions {
  /** This runner process's own folder. */
  readonly folder: string;
  readonly slots: number;
  readonly keepWorkspace: boolean;
  readonly clock: Clock;
  /** The environment of the watchdogs. Steps can read it. */
  readonly watchdogEnvironment: Readonly<Record<string, string>>;
  /** Walls between the steps and the host. Without, steps have all that the runner's user has. */
  readonly sandbox?: { readonly made: Promise<Sandbox | undefined>; trustOf(pool: string | undefined): Trust };
}

/**
 * Runs steps as child processes of a watchdog, each attempt in a sandbox of its own where the runner has one. Without,
 * steps run as the runner's own user: they can read that user's files and processes, the token file and the runner's
 * memory included, and other attempts' workspaces. That keeps honest jobs apart and ends them surely; it does not hold a
 * hostile one (docs/RUNNERS.md, "The trust boundary").
 */
export function makeProcessExecutor(options: ProcessExecutorOptions): Executor {
  const fifos = makeFifoSupply(options.folder);
  const pool = makeWatchdogPool(() => startWatchdog(options.watchdogEnvironment), options.slots);
  const above = pinFolder(options.folder);
  const slots = makeSlotFolders(options.folder);
  return {
    async start(request) {
      const sandbox = await options.sandbox?.made;
      const slot = await slots.take(request.place);
      const parts: Parts = { ...options, above, fifos, pool, slot, walls: undefined };
      if (options.sandbox === undefined || sandbox === undefined) return startExecution(parts, request);
      return startExecution({ ...parts, walls: { sandbox, trust: options.sandbox.trustOf(request.pool) } }, request);
    },
    close: () => pool.close(),
  };
}

interface Parts extends ProcessExecutorOptions {
  /** The runner's folder, held before any step could mount something over it. */
  readonly above: PinnedFolder;
  readonly fifos: FifoSupply;
  readonly pool: WatchdogPool;
  readonly slot: SlotFolder;
  readonly walls: { readonly sandbox: Sandbox; readonly trust: Trust } | undefined;
}

async function startExecution(parts: Parts, request: StartAttempt): Promise<Execution> {
  const { slot, walls } = parts;
  const { cookie, release, killAtMs, expiresAtMs } = request;
  try {
    const folders = makeFolders(slot.path);
    const space = walls?.sandbox.prepare(folders, walls.trust);
    const fifo = await parts.fifos.take();
    const pipe = openOutputPipe(fifo, request.output, parts.clock);
    const watchdog = parts.pool.take();
    const link = linkTo(watchdog, cookie, parts.clock);
    const held: Held = { parts, folders, fifo, pipe, watchdog, link, clean: true };
    watchdog.send({ type: "attempt", cookie, pipe: fifo, release, killAtMs, expiresAtMs, space });
    const answer = await link.next("ready");
    if (answer?.type === "no_space") {
      await letGo(held);
      throw new Error(`the sandbox could not be made: ${answer.message}`);
    }
    pipe.read();
    return executionOf(held);
  } catch (error) {
    slot.giveBack(await removed(parts));
    throw error;
  }
}

interface Held {
  readonly parts: Parts;
  readonly folders: Folders;
  readonly fifo: string;
  readonly pipe: OutputPipe;
  readonly watchdog: WatchdogHandle;
  readonly link: WatchdogLink;
  clean: boolean;
}

function executionOf(held: Held): Execution {
  const { parts, folders, pipe, watchdog, link } = held;
  const { slot, walls } = parts;
  let steps = 0;
  return {
    folders,
    seen: walls === undefined ? folders : INSIDE,
    warnings: walls === undefined ? slot.movedFrom.map(movedWarning) : [],
    lost: link.lost,
    async run(step) {
      if (walls === undefined) return runStep(held, step);
      steps += 1;
      return refusalOf(step) ?? runStep(held, walls.sandbox.enter(folders, step, steps));
    },
    renew: (deadline) => watchdog.send({ type: "deadline", ...deadline }),
    async stop(graceMs) {
      const marker = newMarker();
      const drained = pipe.expect(marker);
      watchdog.send({ type: "stop", graceMs, marker });
      const answer = await link.next("stopped", graceMs + ANSWER_MAX_MS);
      if (answer?.type !== "stopped") return { clean: (await link.lost).clean, killed: 0 };
      await drained.seen();
      held.clean &&= answer.clean;
      return answer;
    },
    async close() {
      await letGo(held);
      let isGone = false;
      try {
        await mendAbove(slot.path);
        if (!parts.keepWorkspace && held.clean) await removeWholeTree(slot.path, { above: parts.above });
        isGone = !parts.keepWorkspace && held.clean;
      } finally {
        slot.giveBack(isGone);
      }
    },
  };
}

async function letGo({ parts, pipe, fifo, watchdog, link, clean }: Held): Promise<void> {
  pipe.close();
  const reusable = clean && !link.isLost();
  link.close();
  watchdog.send({ type: "done" });
  parts.pool.giveBack(watchdog, reusable);
  // Without a sandbox a step may have removed it.
  await removeFile(fifo);
}

async function removed({ slot, above }: Parts): Promise<boolean> {
  try {
    await removeWholeTree(slot.path, { above });
    return true;
  } catch {
    return false; // the failure that led here is the one to tell; this place is not used again
  }
}

function movedWarning(job: string): string {
  const name = job.slice(job.indexOf("/") + 1);
  return `the artifacts of ${name} were made in a workspace at another path: absolute paths in them lead elsewhere`;
}

/** What execve(2) would say of a step if nothing stood in between. */
function refusalOf({ command: [shell = "sh"], env }: StepCommand): StepEnd | undefined {
  if (isTooLong(env)) return { kind: "refused", code: "E2BIG", message: `spawn E2BIG: its environment is too long` };
  if (findProgram(shell, (env["PATH"] ?? "").split(":")) !== undefined) return undefined;
  return { kind: "refused", code: "ENOENT", message: `spawn ${shell} ENOENT` };
}

async function runStep({ watchdog, link, pipe }: Held, step: StepCommand): Promise<StepEnd> {
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

/** Reports that answer what another was waited for. */
const ANSWERED_BY: Readonly<Partial<Record<Report["type"], string>>> = { refused: "exited", no_space: "ready" };

/** Turns a watchdog's reports into answers, and its death into `lost`, with the processes ended by the runner itself. */
function linkTo(watchdog: WatchdogHandle, cookie: string, clock: Clock): WatchdogLink {
  const leaders = new Set<number>();
  const waiting = new Map<string, (report: Report | undefined) => void>();
  const { promise: lost, resolve: lose } = Promise.withResolvers<Lost>();
  let over = false;
  let space: Space | undefined;

  watchdog.listen((report) => {
    if (report.type === "ready") space = report.space;
    if (report.type === "started") leaders.add(report.pid);
    if (report.type === "exited" && !report.groupLeft) leaders.delete(report.pid);
    if (report.type === "fenced") end({ kind: "fenced", clean: report.clean });
    else answer(ANSWERED_BY[report.type] ?? report.type, report);
  });
  watchdog.exited.then(async () => {
    if (over) return;
    const { clean } = await endProcesses({ cookie, leaders, space }, () => 0, clock.monotonicMs);
    // It ends with the pipe that the watchdog held.
    const gone = space === undefined || (await spaceIsGone(space, SPACE_END_MAX_MS, clock.monotonicMs));
    end({ kind: "executor_died", clean: clean && gone });
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
