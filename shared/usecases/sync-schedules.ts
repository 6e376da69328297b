import { DEFINITIONS_MAX, SCHEDULES_PER_PROJECT_MAX } from "../domain/limits.ts";
import { scheduleMoves } from "../domain/schedule-moves.ts";
import { eachOf } from "../lib/each-of.ts";
import { nextDueMs } from "../pipeline/cron.ts";
import type { ProjectItem } from "../store/items.ts";
import { type HeadsRef, headsPartition, SCHEDULES_SHARD, scheduleKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { ScheduleItem } from "../store/sweep-items.ts";
import { confirmAbsence, PIPELINES, readListed } from "./confirm-absence.ts";
import { isTooLarge } from "./forge.ts";
import { parseInTurn } from "./parse-in-turn.ts";
import { retireSchedule } from "./retire-schedule.ts";
import { digest } from "./specs.ts";
import { headsRefOf, type SweepDeps } from "./sweep-deps.ts";

const WIDTH = 4;
const DIGEST_LENGTH = 32;
const CAUSE = { actor: "sweep" };

type Line = Pick<ScheduleItem, "pipelinePath" | "cron" | "branch">;

/**
 * Keeps one schedule for each cron line of the default branch's definitions at its head. A definition that is invalid
 * keeps the schedules that it had: their next run says what is wrong with it.
 */
export async function syncSchedules(deps: SweepDeps, project: ProjectItem, sha: string): Promise<void> {
  const ref = headsRefOf(project);
  const known = new Map((await deps.sweeps.listSchedules(headsPartition(ref))).map((one) => [one.sk, one]));
  const found = await deps.forge.listDefinitions(project, sha);
  // Where the forge lags, no schedule ends for it, and none is overlooked.
  if (found.length === 0) await confirmAbsence(deps, project, sha, PIPELINES);
  const paths = found.toSorted().slice(0, DEFINITIONS_MAX);
  const parse = parseInTurn(deps);
  const read = await eachOf(paths, WIDTH, (path) => linesAt(path, () => readListed(deps, project, sha, path), parse));
  const invalid = new Set(paths.filter((_, at) => read[at] === undefined));
  const lines = read.flatMap((one) => one ?? []);
  if (lines.length > SCHEDULES_PER_PROJECT_MAX)
    deps.log.warn("a project has more schedules than are kept", { project: project.name, lines: lines.length });
  const wanted = new Map(lines.slice(0, SCHEDULES_PER_PROJECT_MAX).map((line) => [keyOf(ref, line).sk, line]));
  for (const [name, line] of wanted) await keep(deps, project, line, known.get(name));
  for (const [name, one] of known) {
    if (one.state === "active" && !wanted.has(name) && !invalid.has(one.pipelinePath))
      await retireSchedule(deps, one, "the default branch has no such line any more");
  }
}

type Parse = ReturnType<typeof parseInTurn>;

async function linesAt(path: string, readText: () => Promise<string>, parse: Parse): Promise<Line[] | undefined> {
  try {
    return await linesOf(path, await readText(), parse);
  } catch (error) {
    if (isTooLarge(error)) return undefined;
    throw error;
  }
}

/** Undefined where the definition is invalid. */
async function linesOf(path: string, text: string, parse: Parse): Promise<Line[] | undefined> {
  const { pipeline } = await parse({ path, text });
  if (pipeline === undefined) return undefined;
  const lines = pipeline.on?.schedule ?? [];
  return lines.map(({ cron, branch }) => ({ pipelinePath: path, cron, ...(branch === undefined ? {} : { branch }) }));
}

const keyOf = (ref: HeadsRef, { pipelinePath, cron, branch }: Line) =>
  scheduleKey(ref, digest(JSON.stringify([pipelinePath, cron, branch ?? ""])).slice(0, DIGEST_LENGTH));

/** What was due before the line was seen is not made up for. */
async function keep(deps: SweepDeps, project: ProjectItem, line: Line, known: ScheduleItem | undefined): Promise<void> {
  if (known?.state === "active") return;
  const nowMs = deps.clock.nowMs();
  const dueAtMs = nextDueMs(line.cron, nowMs);
  if (dueAtMs === undefined) return;
  if (known === undefined) return deps.store.birthEach([scheduleItem(project, line, { nowMs, dueAtMs })]);
  await deps.store.apply(scheduleMoves.revive, known, { nowMs, dueAtMs, dueShard: SCHEDULES_SHARD }, CAUSE);
}

function scheduleItem(
  project: ProjectItem,
  line: Line,
  { nowMs, dueAtMs }: { readonly nowMs: number; readonly dueAtMs: number },
): ScheduleItem {
  return {
    ...keyOf(headsRefOf(project), line),
    v: ITEM_VERSION,
    tenant: project.tenant,
    family: "schedule",
    state: "active",
    project: project.name,
    ...line,
    dueAtMs,
    wakeAtMs: dueAtMs,
    dueShard: SCHEDULES_SHARD,
    tries: 0,
    skipped: 0,
    createdAtMs: nowMs,
    history: {},
  };
}
