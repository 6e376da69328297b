import { entryOf } from "../domain/entry.ts";
import { isRunEnded } from "../domain/verdict.ts";
import type { ProjectItem, RunItem } from "../store/items.ts";
import type { RunRef } from "../store/keys.ts";
import type { OutboxItem, StatusEntry } from "../store/report-items.ts";
import { driveOutbox, type Look, type Parcel, type Stop } from "./drive-outbox.ts";
import { formerParcels } from "./former-statuses.ts";
import { bareStatus, renderEntry, type Showing } from "./render-status.ts";
import type { ReportDeps } from "./report-deps.ts";
import { reportPull } from "./report-pull.ts";
import { type WantedStatus, wantedStatuses } from "./report-statuses.ts";
import { reportedProject, statusRefOf, surfaceOf } from "./reported.ts";
import { showStatus } from "./show-status.ts";
import { digest } from "./specs.ts";
import { aboutOf, laneUnder, orderOf, statusName } from "./status-name.ts";

/**
 * Shows a run in its forge: compares what should be shown with what was sent, and sends the difference. Idempotent; a
 * hint to call it may come late, twice or never. It reads the run and never writes it.
 */
export async function reportRun(deps: ReportDeps, ref: RunRef): Promise<void> {
  let looks = 0;
  await driveOutbox(deps, ref, (outbox) => {
    looks += 1;
    return lookAtRun(deps, ref, { outbox, version: outbox.seq * LOOKS_MAX + looks });
  });
  await reportPull(deps, ref);
}

/** One sender looks less often: so a later sender's looks are newer than all of an earlier one's. */
const LOOKS_MAX = 1_000;

/** A run that is repeated may have been shown as a whole, since its plan failed: then its name tells that it is planned now. */
async function hasMendedPlan(
  { reports }: ReportDeps,
  project: ProjectItem,
  run: RunItem,
  wanted: readonly WantedStatus[],
): Promise<boolean> {
  if (run.rerunOf === undefined || run.source === undefined || wanted.length === 0) return false;
  if (wanted.some(({ check }) => check === undefined)) return false;
  const ref = statusRefOf(project, run.source.sha, statusName(run));
  const status = await reports.getStatus(ref);
  return status !== undefined && entryOf(status.entries, laneUnder(ref, run)) !== undefined;
}

const mendedPlan = (run: RunItem): WantedStatus => ({
  name: statusName(run),
  state: "completed",
  conclusion: "neutral",
  title: "Planned: each check has a status of its own",
  jobs: [],
});

interface Looking {
  readonly outbox: OutboxItem;
  readonly version: number;
}

async function lookAtRun(deps: ReportDeps, ref: RunRef, looking: Looking): Promise<Look | Stop> {
  const items = await deps.store.getRunItems(ref);
  const { run } = items;
  if (run === undefined) return { stop: "there is no such run any more" };
  const project = await reportedProject(deps, run.tenant, run.project);
  if ("stop" in project) return project;
  const wanted = [...wantedStatuses({ ...items, run })];
  if (await hasMendedPlan(deps, project, run, wanted)) wanted.push(mendedPlan(run));
  const shown: Showing = { deps, project, run, items };
  return {
    parcels: wanted
      .flatMap((status) => toParcel(shown, status, looking))
      .concat(formerParcels(shown, wanted, looking.outbox)),
    end: isRunEnded(run.state) ? "last" : "more",
  };
}

/** The digest is of what the text is made from; the text itself is made when it is sent. */
function toParcel(showing: Showing, wanted: WantedStatus, { version, outbox }: Looking): Parcel[] {
  const { deps, project, run } = showing;
  const { trigger, source } = run;
  if (trigger === undefined || source === undefined) return [];
  const entry = toEntry(showing, wanted, version);
  const ref = statusRefOf(project, source.sha, wanted.name);
  return [
    {
      key: `status/${wanted.check ?? ""}`,
      digest: digest(JSON.stringify([surfaceOf(project), wanted.name, entry.digest])),
      send: () =>
        showStatus(deps, {
          project,
          ref,
          lane: laneUnder(ref, run),
          entry,
          isUnsure: outbox.isUnsure === true,
          isPeriodic: trigger.event === "schedule",
          render: (shown) => renderEntry(showing, wanted, shown),
        }),
    },
  ];
}

function toEntry(showing: Showing, wanted: WantedStatus, version: number): StatusEntry {
  const { run } = showing;
  const { state, conclusion, title, check } = wanted;
  return {
    runId: run.runId,
    order: orderOf(run),
    version,
    state,
    title,
    about: aboutOf(run),
    digest: digest(JSON.stringify(bareStatus(showing, wanted))),
    ...(conclusion === undefined ? {} : { conclusion }),
    ...(check === undefined ? {} : { check }),
  };
}
