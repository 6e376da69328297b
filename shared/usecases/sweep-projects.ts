import { headsMoves } from "../domain/heads-moves.ts";
import {
  FORGE_WAIT_MAX_MS,
  REASON_LENGTH_MAX,
  SWEEP_BACKOFF_MAX_MS,
  SWEEP_BACKOFF_MS,
  SWEEP_PROJECT_MS,
  SWEEP_PROJECTS_MAX,
} from "../domain/limits.ts";
import { eachApart } from "../lib/each-apart.ts";
import { HEADS_SHARD, headsKey, headsPartition, type Key } from "../store/keys.ts";
import type { HeadsItem } from "../store/sweep-items.ts";
import { compareProject } from "./compare-project.ts";
import { discoverProjects } from "./discover-projects.ts";
import { ForgeError } from "./forge.ts";
import { retireHeads } from "./retire-heads.ts";
import { headsRefOf, type IsOver, type SweepDeps } from "./sweep-deps.ts";

const WIDTH = 4;
/** Clocks of two sweeps may differ by the period that is added. */
const WAIT_MAX_MS = FORGE_WAIT_MAX_MS + SWEEP_PROJECT_MS;
const CAUSE = { actor: "sweep" };

/**
 * Compares each project with its forge every `SWEEP_PROJECT_MS`, and starts what a lost webhook should have started. The
 * longest waiting comes first. A project whose forge fails waits longer and keeps nobody else from their turn; any other
 * error is thrown when all had theirs. Answers how many projects were compared.
 */
export async function sweepProjects(deps: SweepDeps, isOver: IsOver): Promise<number> {
  const nowMs = deps.clock.nowMs();
  const looks = [
    async () => (isDiscoveryMinute(nowMs) ? discoverProjects(deps, isOver) : 0),
    async () => {
      const due = await deps.sweeps.due(HEADS_SHARD, nowMs, SWEEP_PROJECTS_MAX);
      const ahead = isDiscoveryMinute(nowMs)
        ? await deps.sweeps.ahead(HEADS_SHARD, nowMs + WAIT_MAX_MS, SWEEP_PROJECTS_MAX)
        : [];
      return eachApart([...due, ...ahead], WIDTH, async (key) => !isOver() && (await sweepProject(deps, key, isOver)));
    },
  ];
  let swept = 0;
  await eachApart(looks, 1, async (look) => {
    swept = await look();
    return true;
  });
  return swept;
}

/** New projects are looked for as often as known ones are compared: it reads every project. */
function isDiscoveryMinute(nowMs: number): boolean {
  const minuteMs = 60_000;
  return Math.floor(nowMs / minuteMs) % (SWEEP_PROJECT_MS / minuteMs) === 0;
}

/** No wait is longer than a forge may ask for: what lies further ahead was written by a clock that was wrong, and is due. */
const isWaiting = (wakeAtMs: number, nowMs: number): boolean => wakeAtMs > nowMs && wakeAtMs <= nowMs + WAIT_MAX_MS;

/** True where the project was compared, with whatever end. */
async function sweepProject(deps: SweepDeps, key: Key, isOver: IsOver): Promise<boolean> {
  const nowMs = deps.clock.nowMs();
  const heads = await deps.sweeps.getHeads(key);
  if (heads?.state !== "active" || heads.wakeAtMs === undefined || isWaiting(heads.wakeAtMs, nowMs)) return false;
  const project = await deps.projects.getProject(heads.tenant, heads.project);
  if (project === undefined || headsPartition(headsRefOf(project)) !== heads.pk) {
    await retireHeads(deps, heads);
    return false;
  }
  const wakeAtMs = nowMs + SWEEP_PROJECT_MS;
  const args = { nowMs, seenWakeAtMs: heads.wakeAtMs, wakeAtMs };
  const { item } = await deps.store.apply(headsMoves.take, headsKey(headsRefOf(project)), args, CAUSE);
  if (item?.wakeAtMs !== wakeAtMs) return false;
  try {
    const { isWhole } = await compareProject(deps, project, item, isOver);
    if (!isWhole) await postpone(deps, item, { failures: 0, error: "out of time", wakeAtMs: deps.clock.nowMs() });
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    await fail(deps, item, error);
  }
  return true;
}

async function fail(deps: SweepDeps, heads: HeadsItem, error: ForgeError): Promise<void> {
  const backoffMs = Math.min(SWEEP_BACKOFF_MAX_MS, SWEEP_BACKOFF_MS * 2 ** heads.failures);
  const wakeAtMs = deps.clock.nowMs() + Math.max(backoffMs, error.retryAfterMs ?? 0);
  deps.metrics.count("SweepFailed", 1, { part: "projects" });
  deps.log.warn("a project could not be compared with its forge", {
    project: heads.project,
    failures: heads.failures + 1,
    error: error.message,
  });
  await postpone(deps, heads, { failures: 1, error: error.message.slice(0, REASON_LENGTH_MAX), wakeAtMs });
}

async function postpone(
  deps: SweepDeps,
  heads: HeadsItem,
  args: { readonly failures: number; readonly error: string; readonly wakeAtMs: number },
): Promise<void> {
  const nowMs = deps.clock.nowMs();
  await deps.store.apply(headsMoves.postpone, heads, { ...args, nowMs, seenWakeAtMs: heads.wakeAtMs }, CAUSE);
}
