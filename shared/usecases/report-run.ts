import type { JobSpec } from "../domain/plan.ts";
import { isRunEnded } from "../domain/verdict.ts";
import type { ProjectItem, RunItem } from "../store/items.ts";
import type { RunRef } from "../store/keys.ts";
import { driveOutbox, type Look, type Parcel, type Stop } from "./drive-outbox.ts";
import type { ReportDeps } from "./report-deps.ts";
import { reportPull } from "./report-pull.ts";
import { type WantedStatus, wantedStatuses } from "./report-statuses.ts";
import { toForgeStatus } from "./report-summary.ts";
import { reportedProject } from "./reported.ts";
import { digest } from "./specs.ts";

/**
 * Shows a run in its forge: compares what should be shown with what was sent, and sends the difference. Idempotent; a
 * hint to call it may come late, twice or never. It reads the run and never writes it.
 */
export async function reportRun(deps: ReportDeps, ref: RunRef): Promise<void> {
  await driveOutbox(deps, ref, () => lookAtRun(deps, ref));
  await reportPull(deps, ref);
}

async function lookAtRun(deps: ReportDeps, ref: RunRef): Promise<Look | Stop> {
  const items = await deps.store.getRunItems(ref);
  const { run } = items;
  if (run === undefined) return { stop: "there is no such run any more" };
  const project = await reportedProject(deps, run.tenant, run.project);
  if ("stop" in project) return project;
  const wanted = wantedStatuses({ ...items, run });
  return {
    parcels: wanted.flatMap((status) => toParcel(deps, project, run, status)),
    end: isRunEnded(run.state) ? "last" : "more",
  };
}

/** The digest is of what the text is made from; the text itself is made when it is sent. */
function toParcel(deps: ReportDeps, project: ProjectItem, run: RunItem, wanted: WantedStatus): Parcel[] {
  const { trigger, source } = run;
  if (trigger === undefined || source === undefined) return [];
  const { publicUrl } = deps;
  const bare = toForgeStatus(wanted, source.sha, { run, trigger, publicUrl, spec: undefined });
  return [
    {
      key: wanted.key,
      digest: digest(JSON.stringify([project.reports.mode, project.forge.credentials, bare])),
      async send(externalId) {
        const spec = await specOf(deps, wanted);
        return deps.forge.putStatus(
          project,
          toForgeStatus(wanted, source.sha, { run, trigger, publicUrl, spec }),
          externalId,
        );
      },
    },
  ];
}

/** The steps of a job that has run; those of a spec so large that it is in the bucket are left out. */
async function specOf(deps: ReportDeps, { job, conclusion }: WantedStatus): Promise<JobSpec | undefined> {
  if (job?.result === undefined || conclusion === undefined) return undefined;
  const item = await deps.store.getSpec(job);
  return item !== undefined && "steps" in item.spec ? item.spec : undefined;
}
