import type { RefusalKind } from "../domain/refusals.ts";
import type { ReportProblemView, ReportsView } from "../protocol/runs.ts";
import type { RunItem } from "../store/items.ts";
import type { OutboxItem, Sent } from "../store/report-items.ts";
import type { ReportStore } from "../store/report-store.ts";
import { statusName } from "./status-name.ts";

/** What people see of a run's reports: which were given up or wait, why in the forge's words, and what to do. */

const PROBLEMS_MAX = 20;

export async function readReports(
  { reports }: { readonly reports: Pick<ReportStore, "getOutbox"> },
  run: RunItem,
): Promise<ReportsView | undefined> {
  if (run.reports !== true) return undefined;
  const outbox = await reports.getOutbox(run);
  return outbox === undefined ? undefined : toReportsView(run, outbox);
}

export function toReportsView(run: RunItem, outbox: OutboxItem): ReportsView {
  const { state, wakeAtMs, tries } = outbox;
  const problems = [
    ...wholeProblem(outbox),
    ...Object.entries(outbox.sent)
      .sort(byKey)
      .flatMap(([key, sent]) => problemOf(run, key, sent)),
  ];
  const more = problems.length - PROBLEMS_MAX;
  return {
    state,
    problems: problems.slice(0, PROBLEMS_MAX),
    ...(more > 0 ? { more } : {}),
    ...(state === "pending" && tries > 0 && wakeAtMs !== undefined ? { nextAtMs: wakeAtMs } : {}),
  };
}

const byKey = ([a]: readonly [string, Sent], [b]: readonly [string, Sent]) => (a < b ? -1 : 1);

/** What keeps all of it from being shown; nothing where single ones tell the same. */
function wholeProblem({ state, error, errorKind, sent }: OutboxItem): ReportProblemView[] {
  const told = Object.values(sent).some(({ refused, waits }) => refused === error || waits?.message === error);
  if (error === undefined || told) return [];
  const isOver = state === "given_up";
  return [{ state: isOver ? "given_up" : "waits", message: error, advice: adviceOn(errorKind, isOver) }];
}

function problemOf(run: RunItem, key: string, { refused, waits }: Sent): ReportProblemView[] {
  const name = nameOf(run, key);
  if (refused !== undefined) return [{ name, state: "given_up", message: refused, advice: adviceOn("final", true) }];
  if (waits === undefined) return [];
  const { message, kind, sinceMs } = waits;
  return [{ name, state: "waits", message, advice: adviceOn(kind, false), sinceMs }];
}

function nameOf(run: RunItem, key: string): string {
  const [, check] = /^status\/(.*)$/s.exec(key) ?? [];
  return check === undefined ? key : statusName(run, check === "" ? undefined : check);
}

function adviceOn(kind: RefusalKind | undefined, isOver: boolean): string {
  if (isOver && kind !== "final")
    return "The forge failed for too long. Run it again (baton runs rerun) when it answers.";
  switch (kind) {
    case "mendable":
      return "Mend the project's credentials (baton projects change), their permissions, or the App's installation: it is tried again until then.";
    case "limited":
      return "The forge limits its rate: it is tried again when it allows it.";
    case "lagging":
      return "The forge does not find it, which it may for some minutes after a push. If it stays so, see whether the commit and the repository are there, and whether the credentials may see them.";
    case "final":
      return "It is not tried again. Mend what the forge names, then run it again (baton runs rerun).";
    default:
      return "It is tried again by itself.";
  }
}
