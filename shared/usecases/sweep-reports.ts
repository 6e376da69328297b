import { SWEEP_LAG_MS, SWEEP_REPORTS_MAX } from "../domain/limits.ts";
import { eachApart } from "../lib/each-apart.ts";
import { outboxRefOf } from "../store/keys.ts";
import { hintOutbox } from "./hints.ts";
import type { ReportDeps } from "./report-deps.ts";

const WIDTH = 8;

/** Asks again for reports whose hint was lost, or whose sender died. It sends none itself. Answers how many. */
export async function sweepReports(
  deps: Pick<ReportDeps, "reports" | "clock" | "queues" | "metrics" | "log">,
): Promise<number> {
  const late = await deps.reports.dueOutboxes(deps.clock.nowMs() - SWEEP_LAG_MS, SWEEP_REPORTS_MAX);
  return eachApart(late, WIDTH, async (key) => {
    await hintOutbox(deps, outboxRefOf(key), 0);
    return true;
  });
}
