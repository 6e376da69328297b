import type { JobSpec } from "../domain/plan.ts";
import type { ProjectItem, RunItem, RunItems } from "../store/items.ts";
import type { StatusEntry } from "../store/report-items.ts";
import type { ForgeStatus } from "./forge.ts";
import type { ReportDeps } from "./report-deps.ts";
import { type WantedStatus, wantedStatuses } from "./report-statuses.ts";
import { toForgeStatus } from "./report-summary.ts";

/** Makes what a forge shows of a run's status, with the reads that its text takes. */

export interface Showing {
  readonly deps: ReportDeps;
  readonly project: ProjectItem;
  readonly run: RunItem;
  readonly items: RunItems;
}

/** Of this run as it was looked at; of another as it stands now, or as it told where that differs: it will tell the rest itself. */
export async function renderEntry(showing: Showing, own: WantedStatus, entry: StatusEntry): Promise<ForgeStatus> {
  if (entry.runId === showing.run.runId && entry.check === own.check) return renderStatus(showing, own);
  const items = await showing.deps.store.getRunItems({ tenant: showing.run.tenant, runId: entry.runId });
  const { run } = items;
  const all = run === undefined ? [] : wantedStatuses({ ...items, run });
  const { name } = own;
  const { state, title, conclusion } = entry;
  const told = { name, state, title, jobs: [], ...(conclusion === undefined ? {} : { conclusion }) } as WantedStatus;
  const found = all.find((one) => one.check === entry.check);
  const wanted = found?.state === state && found.conclusion === conclusion ? { ...found, name } : told;
  return renderStatus({ ...showing, run: run ?? { ...showing.run, runId: entry.runId }, items }, wanted);
}

/** Without what takes a read more. */
export function bareStatus({ deps, run }: Showing, wanted: WantedStatus): ForgeStatus | undefined {
  const { trigger, source } = run;
  if (trigger === undefined || source === undefined) return undefined;
  return toForgeStatus(wanted, source.sha, { run, trigger, publicUrl: deps.publicUrl, spec: undefined });
}

export async function renderStatus({ deps, run, project }: Showing, wanted: WantedStatus): Promise<ForgeStatus> {
  const { trigger, source } = run;
  if (trigger === undefined || source === undefined)
    throw new Error(`run ${run.runId} of ${project.name} has no commit`);
  const spec = await specOf(deps, wanted);
  return toForgeStatus(wanted, source.sha, { run, trigger, publicUrl: deps.publicUrl, spec });
}

/** The steps of a job that has run; those of a spec so large that it is in the bucket are left out. */
async function specOf(deps: ReportDeps, { job, conclusion }: WantedStatus): Promise<JobSpec | undefined> {
  if (job?.result === undefined || conclusion === undefined) return undefined;
  const item = await deps.store.getSpec(job);
  return item !== undefined && "steps" in item.spec ? item.spec : undefined;
}
