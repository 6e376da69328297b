import type { JobItem } from "../../../shared/store/items.ts";
import type { OutboxItem } from "../../../shared/store/report-items.ts";
import { wantedStatuses } from "../../../shared/usecases/report-statuses.ts";
import { WORLD_EPOCH_MS } from "../engine/actor.ts";
import type { Simulation } from "../engine/simulation.ts";
import type { LivingForge } from "../world/forge/start-forge.ts";
import type { SimTable } from "../world/sim-table.ts";
import { ENDED_RUN } from "./oracle.ts";
import { nameOfRun, type TriggeredRun, triggeredRuns } from "./triggered-runs.ts";
import type { Report } from "./violation.ts";
import { jobsOf } from "./watch-table.ts";

/**
 * Invariant 24: what the forge shows of a commit under one name is never better than the worst of the newest runs of each
 * (file, trigger), and equals it in the end. Names are the product's own; what they should show is said again here.
 */

/** From best to worst: what blocks nothing, what is to come, what blocks. */
const RANKS = ["good", "open", "bad"] as const;
type Rank = (typeof RANKS)[number];

interface Wanted {
  readonly run: TriggeredRun;
  readonly sha: string;
  readonly name: string;
  /** As a check run and as a commit status have it. */
  readonly conclusion: string;
  readonly state: string;
  readonly rank: Rank;
  readonly endedAtMs: number;
}

const GOOD = ["success", "skipped", "neutral"];
const rankOf = (conclusion: string): Rank =>
  GOOD.includes(conclusion) ? "good" : conclusion === "" || conclusion === "pending" ? "open" : "bad";
const worse = (a: Rank, b: Rank): Rank => (RANKS.indexOf(a) >= RANKS.indexOf(b) ? a : b);

/** How long a report may take on its way: its sender holds its place for a minute, and reads first. */
const ON_ITS_WAY_MS = 150_000;

/** Looks at each status as it comes to be shown. */
export function watchShown(
  sim: Pick<Simulation, "nowMs">,
  table: SimTable,
  { forge }: LivingForge,
  report: Report,
): void {
  forge.watch(({ sha, name, as }) => {
    if (rankOf(as) !== "good") return;
    const longAgoMs = WORLD_EPOCH_MS + sim.nowMs() - ON_ITS_WAY_MS;
    for (const wanted of wantedNow(table))
      if (wanted.sha === sha && wanted.name === name && wanted.rank === "bad" && wanted.endedAtMs < longAgoMs)
        report(24, `${name} at ${sha} shows ${as}, and run ${wanted.run.runId} says ${wanted.conclusion}`);
  });
}

export function checkShown(table: SimTable, living: LivingForge, report: Report): void {
  const shown = shownAt(living);
  for (const [place, all] of Map.groupBy(wantedNow(table), ({ sha, name }) => `${sha} ${name}`)) {
    const paths = new Set(all.map(({ run }) => run.pipelinePath));
    if (paths.size > 1) report(24, `${place} is the name of checks of ${[...paths].join(" and ")}`);
    const worst = all.reduce<Rank>((rank, wanted) => worse(rank, wanted.rank), "good");
    const is = shown.get(place);
    const runs = all.map(({ run, conclusion }) => `${run.runId} ${conclusion}`).join(", ");
    if (is === undefined) report(24, `${place} is not shown: ${runs}`);
    else if (rankOf(is) !== worst && !(worst === "open" && is === "action_required"))
      report(24, `${place} shows ${is}, and its runs say ${runs}`);
    else if (all.length === 1 && all.every(({ conclusion, state }) => is !== conclusion && is !== state))
      report(24, `${place} shows ${is}, and its run says ${runs}`);
  }
  checkLeft(living, report);
  checkOutboxes(table, report);
  checkComments(table, living, report);
}

/** What each name at each commit shows: the newest of its check runs, or statuses. */
function shownAt({ forge }: LivingForge): Map<string, string> {
  const { checkRuns, statuses } = forge.repository.state;
  const shown = new Map<string, string>();
  for (const { head_sha: sha, name, conclusion } of checkRuns) shown.set(`${sha} ${name}`, conclusion ?? "");
  for (const { sha, context, state } of statuses) shown.set(`${sha} ${context}`, state);
  return shown;
}

/** Of the newest run of each file and trigger. */
function wantedNow(table: SimTable): Wanted[] {
  const reported = triggeredRuns(table).filter(({ reports }) => reports === true);
  const newest = new Map(reported.map((run) => [`${nameOfRun(run)} of ${run.pipelinePath}`, run]));
  return [...newest.values()].flatMap((run) => wantedOf(table, run));
}

function wantedOf(table: SimTable, run: TriggeredRun): Wanted[] {
  const jobs = jobsOf(table, run.pk).sort((a, b) => a.order - b.order);
  const checks = [] as never[];
  return wantedStatuses({ run, jobs, checks, joins: [] }).map(({ name, job }) => {
    const conclusion = job === undefined ? conclusionOfRun(run) : conclusionOf(run, job);
    const endedAtMs = job?.endedAtMs ?? run.endedAtMs ?? Number.POSITIVE_INFINITY;
    return {
      run,
      sha: run.source.sha,
      name,
      conclusion,
      state: stateOf(conclusion),
      rank: rankOf(conclusion),
      endedAtMs,
    };
  });
}

/** Of a job: empty while it is open. */
function conclusionOf(run: TriggeredRun, job: JobItem): string {
  switch (job.state) {
    case "succeeded":
      return "success";
    case "failed":
      return "failure";
    case "timed_out":
      return "timed_out";
    case "lost":
    case "canceled":
      return "cancelled";
    case "skipped":
      return Object.values(job.resolved).some((outcome) => outcome !== "passed") ? "cancelled" : "skipped";
    default:
      return ENDED_RUN.has(run.state) ? conclusionOfRun(run) : "";
  }
}

function conclusionOfRun({ state }: TriggeredRun): string {
  const ends: Record<string, string> = {
    succeeded: "success",
    failed: "failure",
    plan_failed: "failure",
    timed_out: "timed_out",
  };
  return ENDED_RUN.has(state) ? (ends[state] ?? "cancelled") : "";
}

/** In a commit status' words. */
function stateOf(conclusion: string): string {
  if (GOOD.includes(conclusion)) return "success";
  if (conclusion === "failure" || conclusion === "timed_out") return "failure";
  return conclusion === "cancelled" ? "error" : "pending";
}

/** One whose answer was lost is found again: none is left open below a newer one of its name. */
function checkLeft({ forge }: LivingForge, report: Report): void {
  for (const same of Map.groupBy(forge.repository.state.checkRuns, (run) => `${run.head_sha} ${run.name}`).values())
    for (const { name, head_sha: sha, status } of same.slice(0, -1))
      if (status !== "completed") report(24, `a check run ${name} at ${sha} was left ${status} when another was made`);
}

/** Nothing here refuses a report for good: whoever gave one up did so too early. */
function checkOutboxes(table: SimTable, report: Report): void {
  for (const pk of table.partitions())
    for (const item of table.query(pk, "", "~")) {
      if (item["family"] !== "outbox") continue;
      const { state, error, sent } = item as unknown as OutboxItem;
      if (state === "given_up") report(24, `the report of ${pk} was given up: ${error}`);
      if (state === "sending") report(24, `the report of ${pk} is still being sent`);
      for (const [key, { refused }] of Object.entries(sent))
        if (refused !== undefined) report(24, `status ${key} was given up: ${refused}`);
    }
}

function checkComments(table: SimTable, { forge, project }: LivingForge, report: Report): void {
  if (!project.reports.comment) return;
  const runs = triggeredRuns(table).filter(({ trigger, reports }) => trigger.number !== undefined && reports === true);
  for (const [number, all] of Map.groupBy(runs, ({ trigger }) => trigger.number)) {
    const comments = forge.repository.state.comments.filter((comment) => comment.number === number);
    const [comment, ...more] = comments;
    if (more.length > 0) report(24, `pull request ${number} has ${comments.length} comments`);
    if (comment === undefined) {
      report(24, `pull request ${number} has no comment`);
      continue;
    }
    for (const run of new Map(all.map((one) => [one.pipelinePath, one])).values()) {
      if (!comment.body.includes(run.source.sha.slice(0, 10)))
        report(24, `the comment on pull request ${number} does not show run ${run.runId} of ${run.source.sha}`);
    }
    if (/[⏳🔄]/u.test(comment.body))
      report(24, `the comment on pull request ${number} shows what runs, and nothing does`);
  }
}
