import { DomainError } from "../domain/errors.ts";
import { RETENTION_MS } from "../domain/limits.ts";
import type { Trigger, TriggerSource } from "../protocol/triggers.ts";
import type { ProjectItem } from "../store/items.ts";
import { idempotencyKey, type Key } from "../store/keys.ts";
import type { RunSeed } from "./births.ts";
import { cloneUrlOf } from "./clone-url.ts";
import { type Created, createLive, createPlanning, newRunId, requestItem } from "./create-run.ts";
import type { Deps } from "./deps.ts";
import { planDefinition } from "./plan-definition.ts";
import { failPlanning } from "./plan-run.ts";
import { isReported } from "./reported.ts";
import { digest } from "./specs.ts";
import { isFork, runKeyOf, toRunTrigger } from "./trigger-key.ts";

/** Of all triggers, however they come: so one event makes one run. */
const PRINCIPAL = "trigger";
/** As long as its run is kept, and gone before it, since TTL may be two days late: a key must not name what is there no more. */
const KEY_MS = RETENTION_MS - 48 * 60 * 60 * 1_000;

export interface TriggeredRun {
  readonly project: ProjectItem;
  readonly trigger: Trigger;
  readonly via: TriggerSource;
  /** The definition as it is at the commit that decides. */
  readonly path: string;
  /** Or what is wrong with it, where nobody can read it: an `invalid_definition`. */
  readonly text: string | DomainError;
  /** Under which the run is made once; the trigger's own where absent. */
  readonly key?: string;
  /** Of its place, where newer pushes supersede it. */
  readonly turn?: number;
}

/**
 * Creates the one run of a trigger and a pipeline; again, and by whatever way, it answers the same run. A definition that
 * cannot be planned makes a run that ends `plan_failed`, so that people see why nothing runs.
 */
export async function createTriggeredRun(deps: Deps, wanted: TriggeredRun): Promise<Created> {
  const created = await createOnce(deps, wanted);
  if (!created.replayed) deps.metrics.count("RunsTriggered", 1, { via: wanted.via });
  return created;
}

async function createOnce(deps: Deps, wanted: TriggeredRun): Promise<Created> {
  const seed = seedOf(deps, wanted);
  const key = wanted.key ?? runKeyOf(wanted.project.name, wanted.path, wanted.trigger);
  const request = requestItem(deps, seed, { principal: PRINCIPAL, idempotencyKey: key }, digest(key), KEY_MS);
  try {
    if (wanted.text instanceof DomainError) throw wanted.text;
    const plan = await planDefinition(deps, { path: wanted.path, text: wanted.text }, seed);
    return await createLive(deps, seed, plan, request);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== "invalid_definition") throw error;
    const created = await createPlanning(deps, seed, request);
    if (created.run.state === "planning") await failPlanning(deps, created.run, error.message);
    return created;
  }
}

/** Where it is written which run was made under a key. */
export const triggeredRunKey = (deps: Deps, key: string): Key => idempotencyKey(deps.settings.tenant, PRINCIPAL, key);

function seedOf(deps: Deps, { project, trigger, via, path, turn }: TriggeredRun): RunSeed {
  const nowMs = deps.clock.nowMs();
  const branch = trigger.event === "tag" ? {} : { branch: trigger.branch };
  return {
    tenant: deps.settings.tenant,
    runId: newRunId(deps, nowMs),
    project: project.name,
    pipelinePath: path,
    source: { kind: "git", url: cloneUrlOf(project), sha: trigger.sha, ...branch },
    watch: false,
    createdBy: `${via}:${trigger.event}`,
    createdAtMs: nowMs,
    trigger: toRunTrigger(trigger, via, nowMs),
    reports: isReported(project),
    turn,
    ...(isFork(trigger) ? forkTerms(project, trigger) : {}),
  };
}

/** Code of a stranger: in the pool that the project has for it, and after an approval of this commit (SECURITY 19). */
function forkTerms({ forks }: ProjectItem, { sha }: Trigger): Pick<RunSeed, "pool" | "approval"> {
  return { pool: forks.pool, ...(forks.mode === "run" ? {} : { approval: { sha } }) };
}
