import type { DeliveryItem } from "../../../shared/store/trigger-items.ts";
import type { SimPipeline } from "../world/forge/pipelines.ts";
import type { HeadEvent } from "../world/forge/sim-repository.ts";
import type { LivingForge } from "../world/forge/start-forge.ts";
import type { SimTable } from "../world/sim-table.ts";
import { isSuperseded, nameOfHead, nameOfRun, type TriggeredRun, triggeredRuns } from "./triggered-runs.ts";
import type { Report } from "./violation.ts";

/**
 * Invariant 15, and what it means: every accepted event and every head that stands has its run, or a reason that is true,
 * once; nothing runs for what nobody pushed. It asks the repository itself, and knows nothing of keys.
 */
export interface NothingMissed {
  readonly table: SimTable;
  readonly living: LivingForge;
  /** When sweep began to compare, in true milliseconds; undefined where it never did. */
  readonly knownSinceMs: number | undefined;
}

export function checkNothingMissed(world: NothingMissed, report: Report): void {
  const runs = triggeredRuns(world.table);
  const byName = Map.groupBy(runs, (run) => `${nameOfRun(run)} of ${run.pipelinePath}`);
  const accepted = checkDeliveries(world, byName, report);
  checkStanding(world, byName, accepted, report);
  checkOnce(world, byName, report);
  const happened = new Set(world.living.forge.repository.events.map(nameOfHead));
  for (const run of runs)
    if (!happened.has(nameOfRun(run))) report(15, `run ${run.runId} is of ${nameOfRun(run)}, which nobody pushed`);
}

type Runs = ReadonlyMap<string, readonly TriggeredRun[]>;

/** Every delivery that was kept is decided. Answers what they told of. */
function checkDeliveries({ table, living }: NothingMissed, runs: Runs, report: Report): Set<HeadEvent> {
  const accepted = new Set<HeadEvent>();
  const sent = new Map(living.hooks.sent.map((webhook) => [webhook.id, webhook]));
  for (const pk of table.partitions()) {
    const item = table.get({ pk, sk: "DELIVERY" }) as unknown as DeliveryItem | undefined;
    if (item === undefined) continue;
    const head = sent.get(item.deliveryId)?.head;
    const told = `delivery ${item.deliveryId} (${item.event}${head === undefined ? "" : ` ${nameOfHead(head)}`})`;
    if (item.state === "received" || item.state === "failed")
      report(15, `${told} is ${item.state}: ${item.reason ?? "nobody decided it"}`);
    if (head === undefined) continue;
    if (item.state === "ignored") report(15, `${told} was ignored: ${item.reason}`);
    accepted.add(head);
    for (const pipeline of pipelinesOf(living, head)) {
      const has = runs.has(`${nameOfHead(head)} of ${pipeline.path}`);
      const decision = item.decisions?.find(({ pipeline: path }) => path === pipeline.path || path === "*");
      if (!has && !(pipeline.supersede && isPast(living, head)))
        report(15, `${told} started no run of ${pipeline.path}: ${JSON.stringify(decision ?? item.state)}`);
    }
  }
  return accepted;
}

/** What asks for such an event where it happened. */
function pipelinesOf({ forge }: LivingForge, head: HeadEvent): SimPipeline[] {
  if (head.skip) return [];
  const asks = { push: "push", tag: "tag", pull_request: "pull" } as const;
  return forge.repository.pipelinesAt(head.definitionSha).filter(({ on }) => on[asks[head.event]]);
}

/** Whether its branch, or pull request, has moved on since, or is gone. */
const isPast = ({ forge }: LivingForge, head: HeadEvent): boolean => !forge.repository.standing().includes(head);

function checkStanding(
  { living, knownSinceMs = Number.POSITIVE_INFINITY }: NothingMissed,
  runs: Runs,
  accepted: ReadonlySet<HeadEvent>,
  report: Report,
): void {
  const { repository } = living.forge;
  const before = repository.events.filter(({ atMs }) => atMs < knownSinceMs);
  // What stood at first sight, and nobody told of, starts nothing; also where it was pushed back to between two looks.
  const known = new Set(before.filter((head) => !accepted.has(head)).map(nameOfHead));
  for (const head of repository.standing()) {
    if (!known.has(nameOfHead(head)) || accepted.has(head))
      for (const pipeline of pipelinesOf(living, head)) {
        const [newest, ...older] = (runs.get(`${nameOfHead(head)} of ${pipeline.path}`) ?? []).toReversed();
        if (newest === undefined) report(15, `${nameOfHead(head)} stands, and has no run of ${pipeline.path}`);
        else if (isSuperseded(newest) && older.every(isSuperseded))
          report(15, `${nameOfHead(head)} stands, and its run ${newest.runId} is canceled: ${newest.reason}`);
      }
  }
}

/** One that was canceled may be followed by another, and a pull request that was closed and is open again has a new one. */
function checkOnce({ living }: NothingMissed, runs: Runs, report: Report): void {
  for (const [name, all] of runs) {
    const own = all.filter(({ rerunOf }) => rerunOf === undefined);
    const canceled = own.filter(({ state }) => state === "canceled" || state === "canceling").length;
    const number = own[0]?.trigger.number;
    const closings = number === undefined ? 0 : (living.forge.repository.closings.get(number) ?? 0);
    if (own.length > 1 + canceled + closings)
      report(15, `${name} has ${own.length} runs: ${own.map(({ runId, state }) => `${runId} ${state}`).join(", ")}`);
  }
}
