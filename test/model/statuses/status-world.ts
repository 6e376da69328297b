import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../../shared/domain/item.ts";
import type { Move } from "../../../shared/domain/move.ts";
import type { StatusRef } from "../../../shared/store/keys.ts";
import type { StatusEntry, StatusItem } from "../../../shared/store/report-items.ts";
import type { ForgeStatus } from "../../../shared/usecases/forge.ts";
import type { ReportDeps } from "../../../shared/usecases/report-deps.ts";
import { showStatus } from "../../../shared/usecases/show-status.ts";
import { forgeProject } from "../../support/forge-project.ts";
import type { Stepper } from "./schedule.ts";

/** One name at one commit, in a table and a forge that are one item each: the real code that several reporters run on it. */

const MINUTE_MS = 60_000;
/** Of the first, whoever waits is taken for dead. */
export const STEPS_MS = { slow: MINUTE_MS + 1, quick: 1 } as const;
const SHA = "a".repeat(40);
const REF = {
  tenant: "main",
  repository: "forge/acme/widgets",
  sha: SHA,
  name: "ci.yml / test",
} as const;
const TRIGGER = { event: "push", via: "webhook", occurredAtMs: 0, fork: false } as const;

type Surface = StatusRef["surface"];

interface CheckRun {
  state: string;
  conclusion: string | undefined;
}

export interface StatusWorld {
  item(): StatusItem | undefined;
  /** The newest check run of the name: what the forge shows. */
  shown(): CheckRun | undefined;
  /** A report of one look, in the schedule. */
  report(stepper: Stepper, program: number, lane: string, entry: StatusEntry): Promise<void>;
  /** One outside of it, after every sender's time is over. */
  retry(lane: string, entry: StatusEntry, isUnsure: boolean): Promise<void>;
}

/** Faults that must be found, or the exploration proves nothing. */
export const PLANTED = [
  "settles whatever changed",
  "an older look wins",
  "forgets to dispute",
  "forgets who died",
] as const;
export type Planted = (typeof PLANTED)[number] | "none";

/** `stepMs` is what each call of a program takes. */
export function makeStatusWorld(surface: Surface, stepMs: number, planted: Planted): StatusWorld {
  let stored: Item | undefined;
  let nowMs = 1_000;
  let senders = 0;
  const runs: CheckRun[] = [];

  async function apply(move: Move, args: Args) {
    if (planted === "forgets to dispute" && move.name === "dispute" && senders > 1)
      return { applied: true, item: stored };
    const next = interpretMove(broken(planted, move), stored, args);
    stored = next ?? stored;
    return { applied: next !== undefined, item: stored };
  }

  /** What the code calls of its dependencies; `step` comes before each call. */
  function depsOf(step: () => Promise<void>): ReportDeps {
    const deps = {
      clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
      random: {
        ulid() {
          senders += 1;
          return `sender-${senders}`;
        },
      },
      reports: { getStatus: () => step().then(() => stored) },
      store: {
        birthEach: ([item]: readonly Item[]) =>
          step().then(() => {
            stored ??= item;
          }),
        apply: (move: Move, _key: unknown, args: Args) => step().then(() => apply(move, args)),
      },
      forge: {
        async putStatus(_project: unknown, status: ForgeStatus, id: string | undefined) {
          await step();
          const place = surface === "checks" ? put(runs, status, id) : append(runs, status);
          // The answer may be late, or lost with who waits for it.
          await step();
          return place;
        },
      },
    };
    return deps as unknown as ReportDeps;
  }

  async function send(step: () => Promise<void>, lane: string, entry: StatusEntry, isUnsure: boolean): Promise<void> {
    await showStatus(depsOf(step), {
      project: forgeProject("http://forge"),
      ref: { ...REF, surface },
      lane,
      entry,
      isUnsure: isUnsure && planted !== "forgets who died",
      isPeriodic: false,
      render: async (shown) => statusOf(shown),
    });
  }

  return {
    item: () => stored as StatusItem | undefined,
    shown: () => runs.at(-1),
    async report(stepper, program, lane, entry) {
      const step = async () => {
        await stepper.step(program);
        nowMs += stepMs;
      };
      await send(step, lane, entry, false);
    },
    async retry(lane, entry, isUnsure) {
      nowMs += 2 * MINUTE_MS;
      await send(async () => undefined, lane, entry, isUnsure);
    },
  };
}

function statusOf({ runId, state, conclusion }: StatusEntry): ForgeStatus {
  const ended = conclusion === undefined ? {} : { conclusion: conclusion as NonNullable<ForgeStatus["conclusion"]> };
  const text = { title: runId, summary: "", annotations: [] };
  return { sha: SHA, key: runId, name: REF.name, state, ...ended, ...text, trigger: TRIGGER };
}

/** A commit status stays, and the next one is shown instead. */
function append(runs: CheckRun[], { state, conclusion }: ForgeStatus): string {
  return String(runs.push({ state, conclusion }) - 1);
}

/** As the client does it with GitHub: a completed check run does not go on, so what is not completed needs another. */
function put(runs: CheckRun[], status: ForgeStatus, id: string | undefined): string {
  const goesOn = (run: CheckRun) => run.state !== "completed" || status.state === "completed";
  const candidates = [id === undefined ? undefined : runs[Number(id)], runs.at(-1)];
  const found = candidates.find((run) => run !== undefined && goesOn(run));
  const run = found ?? { state: "", conclusion: undefined };
  if (found === undefined) runs.push(run);
  Object.assign(run, { state: status.state, conclusion: status.conclusion });
  return String(runs.indexOf(run));
}

function broken(planted: Planted, move: Move): Move {
  const { name, guards } = move;
  const isUnguarded =
    (planted === "settles whatever changed" && name === "settle") ||
    (planted === "an older look wins" && name === "updateEntry");
  if (isUnguarded) return { ...move, guards: guards.slice(0, 1) };
  return move;
}
