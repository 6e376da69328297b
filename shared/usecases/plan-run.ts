import { DomainError } from "../domain/errors.ts";
import { REASON_LENGTH_MAX } from "../domain/limits.ts";
import { runMoves } from "../domain/run-moves.ts";
import { cut } from "../lib/cut.ts";
import { pipelineResultOf } from "../metrics.ts";
import type { RunItem } from "../store/items.ts";
import { type RunRef, runKey } from "../store/keys.ts";
import type { Cause } from "../store/store.ts";
import { FIRST_WAKE_MS, planItems, type RunSeed } from "./births.ts";
import { nodesOf, start, watchedUntilMs } from "./create-run.ts";
import type { Deps } from "./deps.ts";
import { hintReport } from "./hints.ts";
import { planDefinition } from "./plan-definition.ts";
import { digest } from "./specs.ts";

const CAUSE: Cause = { actor: "plan" };

/**
 * Reads and plans the definition of a run in `planning`: nodes first, under ids that depend on the plan alone, then one
 * move commits them. Repeatable: two planners write the same nodes, and one of them commits.
 */
export async function planRun(deps: Deps, ref: RunRef): Promise<void> {
  const run = await deps.store.getRun(ref);
  if (run === undefined || run.state !== "planning") return;
  const failure = await tryPlan(deps, run);
  if (failure !== undefined) await failPlanning(deps, ref, failure.message);
}

/** Ends a run that cannot be planned, with the reason. */
export async function failPlanning(deps: Deps, ref: RunRef, message: string): Promise<void> {
  const reason = shortened(message);
  const { applied, item } = await deps.store.apply(
    runMoves.failPlan,
    runKey(ref),
    { nowMs: deps.clock.nowMs(), reason },
    { ...CAUSE, reason: "invalid" },
  );
  if (applied) deps.metrics.count("RunsEnded", 1, { "cicd.pipeline.result": pipelineResultOf("plan_failed") });
  if (item !== undefined) await hintReport(deps, item);
}

/** A file may have hundreds of mistakes, the run's item has no room for them: whole lines, from the first on. */
function shortened(message: string): string {
  if (message.length <= REASON_LENGTH_MAX) return message;
  const lines = cut(message, REASON_LENGTH_MAX).split("\n");
  const kept = lines.length > 1 ? lines.slice(0, -1) : lines;
  return [...kept, "… and more: `baton validate` shows all of it"].join("\n");
}

/** Returns the caller's mistake, if there is one; anything else is thrown and tried again. */
async function tryPlan(deps: Deps, run: RunItem): Promise<DomainError | undefined> {
  try {
    await commitPlan(deps, run);
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

async function commitPlan(deps: Deps, run: RunItem): Promise<void> {
  const { source, pipelinePath } = run;
  if (source === undefined || pipelinePath === undefined)
    throw new Error(`run ${run.runId} has nothing to read its plan from`);
  const { rerunOf, trigger, pool, approval, watch = false } = run;
  const seed: RunSeed = { ...run, source, rerunOf, trigger, pool, approval, watch };
  // A fork's own definition is never read (SECURITY 20).
  const base = trigger?.fork === true ? trigger.base : undefined;
  if (trigger?.fork === true && base === undefined) throw new Error(`run ${run.runId} of a fork names no base`);
  const text = await deps.readDefinition(base === undefined ? source : { ...source, sha: base.sha }, pipelinePath, run);
  const plan = await planDefinition(deps, { path: pipelinePath, text }, seed);
  const items = planItems(seed, plan, watchedUntilMs(seed));
  await deps.store.birthEach(await nodesOf(deps, seed, plan, items));
  const nowMs = deps.clock.nowMs();
  const args = {
    nowMs,
    planDigest: digest(JSON.stringify(plan)),
    pipeline: plan.pipeline,
    open: new Set(items.open),
    wakeAtMs: nowMs + FIRST_WAKE_MS,
  };
  const { item } = await deps.store.apply(runMoves.commitPlan, runKey(run), args, CAUSE);
  if (item?.state === "live") await start(deps, item, items.jobs);
}
