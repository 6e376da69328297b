import { COMMENT_PIPELINES_MAX, RETENTION_MS } from "../domain/limits.ts";
import { outboxMoves } from "../domain/outbox-moves.ts";
import { isRunEnded } from "../domain/verdict.ts";
import { ttlAt } from "../store/item-base.ts";
import type { RunItem, RunItems } from "../store/items.ts";
import { outboxKey, type PullRef, type RunRef } from "../store/keys.ts";
import type { OutboxItem } from "../store/report-items.ts";
import { outboxItem } from "./births.ts";
import { driveOutbox, type Look, type Stop } from "./drive-outbox.ts";
import type { ReportDeps } from "./report-deps.ts";
import { wantedStatuses } from "./report-statuses.ts";
import { inlineCode, markdownRows } from "./report-text.ts";
import { reportedProject } from "./reported.ts";
import { digest } from "./specs.ts";

/**
 * One comment on each pull request, with the newest run of each pipeline, updated in place. Its outbox only names the
 * runs: what they say is read when it is sent, so that two runs which report at once cannot lose each other's words.
 */

const CAUSE = { actor: "report" };
const KEY = "comment";

/** Where the project wants one: the run takes its place in the comment, and the comment is brought up to date. */
export async function reportPull(deps: ReportDeps, ref: RunRef): Promise<void> {
  const run = await deps.store.getRun(ref);
  if (run?.trigger?.number === undefined) return;
  const project = await reportedProject(deps, run.tenant, run.project);
  if ("stop" in project || !project.reports.comment) return;
  const pull = { tenant: run.tenant, project: run.project, number: run.trigger.number };
  await takePart(deps, pull, run);
  await reportComment(deps, pull);
}

/** Brings one comment up to date. */
export async function reportComment(deps: ReportDeps, pull: PullRef): Promise<void> {
  await driveOutbox(deps, pull, (outbox) => lookAtPull(deps, pull, outbox));
}

/** An older run that reports late does not push a newer one out. */
async function takePart(deps: ReportDeps, pull: PullRef, run: RunItem): Promise<void> {
  const nowMs = deps.clock.nowMs();
  const part = { runId: run.runId, createdAtMs: run.createdAtMs };
  const args = { nowMs, pipeline: partOf(run), part, createdAtMs: run.createdAtMs, ttl: ttlAt(nowMs + RETENTION_MS) };
  const key = outboxKey(pull);
  const seen = await deps.reports.getOutbox(pull);
  if (seen === undefined) await deps.store.birthEach([outboxItem(pull, run.project, nowMs)]);
  const { applied, item } = await deps.store.apply(outboxMoves.addPart, key, args, CAUSE);
  if (!applied && item !== undefined) await deps.store.apply(outboxMoves.replacePart, key, args, CAUSE);
}

/** By its file, which is the same before and after its mistakes were mended, and its name with it. */
const partOf = (run: RunItem) => run.pipelinePath ?? run.pipeline;

async function lookAtPull(deps: ReportDeps, pull: PullRef, outbox: OutboxItem): Promise<Look | Stop> {
  const project = await reportedProject(deps, pull.tenant, pull.project);
  if ("stop" in project) return project;
  // What has come since the sender began is seen too.
  const { parts } = (await deps.reports.getOutbox(pull)) ?? outbox;
  const newest = Object.values(parts).sort((a, b) => b.createdAtMs - a.createdAtMs);
  const found = await Promise.all(
    newest.slice(0, COMMENT_PIPELINES_MAX).map(({ runId }) => deps.store.getRunItems({ tenant: pull.tenant, runId })),
  );
  const runs = found.filter(hasRun).sort((a, b) => a.run.pipeline.localeCompare(b.run.pipeline, "en"));
  const text = commentOf(runs, newest.length);
  return {
    parcels: [{ key: KEY, digest: digest(text), send: (id) => deps.forge.putComment(project, pull.number, text, id) }],
    end: runs.every(({ run }) => isRunEnded(run.state)) ? "quiet" : "more",
  };
}

type WithRun = RunItems & { readonly run: RunItem };
const hasRun = (items: RunItems): items is WithRun => items.run !== undefined;

const MARKS: Readonly<Record<string, string>> = {
  success: "✅",
  failure: "❌",
  timed_out: "❌",
  cancelled: "⚠️",
  skipped: "▫️",
  neutral: "▫️",
  action_required: "✋",
};

function commentOf(runs: readonly WithRun[], pipelines: number): string {
  const rows = runs.flatMap((items) =>
    wantedStatuses(items).map(({ name, title, conclusion, state }) => [
      MARKS[conclusion ?? ""] ?? (state === "queued" ? "⏳" : "🔄"),
      inlineCode(name),
      inlineCode(title),
      inlineCode(items.run.source?.sha.slice(0, 10) ?? ""),
    ]),
  );
  const more = pipelines > runs.length ? [`… and ${pipelines - runs.length} more pipelines`] : [];
  return ["### Baton", markdownRows(["", "check", "state", "commit"], rows), ...more].join("\n\n");
}
