import { entryOf } from "../domain/entry.ts";
import { DomainError } from "../domain/errors.ts";
import { DEFINITIONS_MAX, RETENTION_MS } from "../domain/limits.ts";
import { eachOf } from "../lib/each-of.ts";
import { once } from "../lib/once.ts";
import type { PipelineDefinition } from "../pipeline/definition.ts";
import { type Matched, matchTriggers } from "../pipeline/match-triggers.ts";
import type { PipelineFile } from "../pipeline/plan-text.ts";
import type { Trigger, TriggerSource } from "../protocol/triggers.ts";
import type { Decision } from "../protocol/webhooks.ts";
import { ttlAt } from "../store/item-base.ts";
import type { ProjectItem } from "../store/items.ts";
import { decidedKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import type { DecidedItem } from "../store/trigger-items.ts";
import { isBeforeClosing, isClosing, recordClosing, sinceClosing } from "./closings.ts";
import { confirmAbsence, PIPELINES, readListed } from "./confirm-absence.ts";
import { createTriggeredRun } from "./create-triggered-run.ts";
import { isTooLarge } from "./forge.ts";
import { parseInTurn } from "./parse-in-turn.ts";
import { invalidDefinition } from "./plan-definition.ts";
import { regainPlace, turnBefore } from "./regain-place.ts";
import { startNewest } from "./start-newest.ts";
import { cancelOlder, canSupersede, takePlace } from "./supersede.ts";
import type { TriggerDeps } from "./trigger-deps.ts";
import { definitionShaOf, isFork, triggerKey } from "./trigger-key.ts";

const WIDTH = 4;
/** Where a decision is about no pipeline of its own. */
const ALL = "*";

/**
 * Starts what a trigger is to start: for each pipeline of the commit a run, or the reason why there is none. The same
 * trigger by any way, any number of times and at once, starts the same runs: each has a key of its own, and once all are
 * decided that is written down, and answered from then on. Any step may fail and be repeated. Throws `ForgeError`.
 */
export async function startTriggered(
  deps: TriggerDeps,
  project: ProjectItem,
  told: Trigger,
  via: TriggerSource,
): Promise<Decision[]> {
  const trigger = await sinceClosing(deps, project.name, told);
  if (isClosing(trigger)) {
    await recordClosing(deps, project.name, trigger);
    return decideEach(deps, { project, trigger, via });
  }
  const key = decidedKey(deps.settings.tenant, triggerKey(project.name, trigger));
  const known = await deps.triggers.getDecided(key);
  const isOfNow = known?.emptyAt === undefined || known.emptyAt === definitionShaOf(trigger);
  if (known !== undefined && isOfNow) return decideAgain(deps, { project, trigger, via }, known);
  const refusal = refusalOf(project, trigger);
  const decided =
    refusal === undefined ? await decideEach(deps, { project, trigger, via }) : [{ pipeline: ALL, reason: refusal }];
  const item = decidedItem(deps, key, decided);
  await deps.store.birth([item]);
  const { decisions } = item;
  for (const decision of decisions) deps.log.info("trigger decided", { project: project.name, via, ...decision });
  return decisions;
}

/** Of a pipeline that supersedes with the turn of the older push whose place a filter has left as it was; else 0. */
interface Decided extends Decision {
  readonly turn?: number;
  /** Where no pipeline was found. */
  readonly emptyAt?: string;
}

interface Deciding {
  readonly project: ProjectItem;
  readonly trigger: Trigger;
  readonly via: TriggerSource;
}

/** What no pipeline needs to be read for. */
function refusalOf(project: ProjectItem, trigger: Trigger): string | undefined {
  if (trigger.event === "push" && trigger.skip !== undefined) return `the commit's message says ${trigger.skip}`;
  return isFork(trigger) && project.forks.mode === "never" ? "this project runs no pull requests of forks" : undefined;
}

/** The answer of before, but where a push back to the commit takes a place again, or one that did so has died. */
async function decideAgain(
  deps: TriggerDeps,
  deciding: Deciding,
  { decisions, turns = {} }: DecidedItem,
): Promise<Decision[]> {
  const { trigger } = deciding;
  if (!canSupersede(trigger) || Object.keys(turns).length === 0) return decisions;
  if (await isBeforeClosing(deps, deciding.project.name, trigger)) return decisions;
  const commit = commitOf(deps, deciding);
  return eachOf(decisions, WIDTH, async (known) => {
    const path = known.pipeline;
    const seenTurn = entryOf(turns, path);
    if (seenTurn === undefined) return known;
    const again = async () => toDecision(await decide(deps, deciding, path, commit));
    return regainPlace(deps, { ...deciding, trigger, path }, { known, seenTurn, again });
  });
}

async function decideEach(deps: TriggerDeps, deciding: Deciding): Promise<Decided[]> {
  const { project, trigger } = deciding;
  const sha = definitionShaOf(trigger);
  const found = trigger.event === "schedule" ? [trigger.pipelinePath] : await deps.forge.listDefinitions(project, sha);
  if (found.length === 0) {
    await confirmAbsence(deps, project, sha, PIPELINES);
    return [{ pipeline: ALL, reason: `there is no pipeline in .baton/ at ${sha}`, emptyAt: sha }];
  }
  const commit = commitOf(deps, deciding);
  const paths = found.toSorted();
  const decisions = await eachOf(paths.slice(0, DEFINITIONS_MAX), WIDTH, (path) =>
    decide(deps, deciding, path, commit),
  );
  const left = paths.slice(DEFINITIONS_MAX);
  const reason = `a commit has at most ${DEFINITIONS_MAX} pipelines (DEFINITIONS_MAX)`;
  return [
    ...decisions,
    ...(left.length === 0 ? [] : [{ pipeline: ALL, reason: `${reason}: ${left.length} were left out` }]),
  ];
}

/** What the pipelines of one commit share. */
interface Commit {
  readonly matched: Matched;
  readonly parse: ReturnType<typeof parseInTurn>;
}

/** Changed files as the event told them itself, else as the forge compares, asked once for all pipelines. */
const commitOf = (deps: TriggerDeps, { project, trigger }: Deciding): Commit => ({
  matched: { trigger, changedPaths: once(() => changedPathsOf(deps, project, trigger)) },
  parse: parseInTurn(deps),
});

async function decide(deps: TriggerDeps, deciding: Deciding, path: string, commit: Commit): Promise<Decided> {
  const { project, trigger } = deciding;
  const sha = definitionShaOf(trigger);
  const text = await readText(deps, deciding, sha, path);
  if (text === undefined) {
    await confirmAbsence(deps, project, sha, path);
    return { pipeline: path, reason: `it is not there at ${sha}` };
  }
  const { pipeline, wrong } = text instanceof DomainError ? { wrong: text } : await parsed(commit, { path, text });
  if (isClosing(trigger)) return close(deps, deciding, path, pipeline);
  const superseding =
    pipeline?.supersede === true && canSupersede(trigger) ? { ...deciding, trigger, path } : undefined;
  if (pipeline !== undefined) {
    const refusal = await matchTriggers(pipeline.on, commit.matched);
    if (refusal !== undefined) {
      const turn = superseding === undefined ? {} : { turn: await turnBefore(deps, superseding) };
      return { pipeline: path, reason: refusal, ...turn };
    }
  }
  if (superseding !== undefined) return { ...(await startNewest(deps, { ...superseding, text })), turn: 0 };
  const { run } = await createTriggeredRun(deps, { ...deciding, path, text: wrong ?? text });
  return { pipeline: path, runId: run.runId };
}

/** What is wrong with a file was found by reading it once: it is not read again to make the run that says so. */
async function parsed(
  { parse }: Commit,
  file: PipelineFile,
): Promise<{ readonly pipeline?: PipelineDefinition | undefined; readonly wrong?: DomainError }> {
  const { pipeline, problems } = await parse(file);
  return pipeline === undefined ? { wrong: invalidDefinition(problems) } : { pipeline };
}

/** One file that is too large is wrong as any other may be: it keeps no other pipeline, and no other head, from its turn. */
async function readText(
  deps: TriggerDeps,
  { project, trigger }: Deciding,
  sha: string,
  path: string,
): Promise<string | DomainError | undefined> {
  try {
    // A schedule names its file itself; of any other trigger the list has named it.
    return trigger.event === "schedule"
      ? await deps.forge.readFile(project, sha, path)
      : await readListed(deps, project, sha, path);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    return new DomainError("invalid_definition", error.message, undefined, { cause: error });
  }
}

/** A pull request is closed: a pipeline that supersedes lets its runs go. */
async function close(
  deps: TriggerDeps,
  { project, trigger, via }: Deciding,
  path: string,
  pipeline: PipelineDefinition | undefined,
): Promise<Decision> {
  const reason = "a closed pull request starts nothing";
  if (pipeline?.supersede !== true || !canSupersede(trigger)) return { pipeline: path, reason };
  const pushed = { project, path, trigger, via };
  await cancelOlder(deps, await takePlace(deps, pushed), pushed);
  return { pipeline: path, reason: `${reason}, and its active runs are canceled` };
}

async function changedPathsOf(
  deps: TriggerDeps,
  project: ProjectItem,
  trigger: Trigger,
): Promise<readonly string[] | undefined> {
  if (trigger.event !== "push" && trigger.event !== "pull_request") return undefined;
  if (trigger.paths !== undefined) return trigger.paths;
  if (trigger.event === "pull_request")
    return deps.forge.changedPaths(project, trigger.base.sha, trigger.sha, "mergeBase");
  // Of a branch that is new nobody says what it differs from.
  return trigger.before === undefined ? undefined : deps.forge.changedPaths(project, trigger.before, trigger.sha);
}

const toDecision = ({ turn: _, emptyAt: __, ...decision }: Decided): Decision => decision;

function decidedItem(deps: TriggerDeps, key: ReturnType<typeof decidedKey>, decided: readonly Decided[]): DecidedItem {
  const emptyAt = decided.find((one) => one.emptyAt !== undefined)?.emptyAt;
  const turns = decided.flatMap(({ pipeline, turn }) => (turn === undefined ? [] : [[pipeline, turn] as const]));
  return {
    ...key,
    v: ITEM_VERSION,
    tenant: deps.settings.tenant,
    ttl: ttlAt(deps.clock.nowMs() + RETENTION_MS),
    family: "decided",
    decisions: decided.map(toDecision),
    ...(emptyAt === undefined ? {} : { emptyAt }),
    ...(turns.length === 0 ? {} : { turns: Object.fromEntries(turns) }),
  };
}
