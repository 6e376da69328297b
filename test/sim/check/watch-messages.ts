import { offerSchema } from "../../../shared/protocol/leases.ts";
import type { JobItem } from "../../../shared/store/items.ts";
import type { Actor } from "../engine/actor.ts";
import type { ControlPlane } from "../world/control-plane.ts";
import { ENDED_JOB } from "./oracle.ts";
import type { Report } from "./violation.ts";

/** Looks at hints: offers go only after a durable answer, chains of ticks do not multiply, and in the end all is still. */
export interface WatchedMessages {
  readonly offerDeleted: (body: string, runner: Actor) => void;
  /** From now on no tick may be sent. */
  beStill(): void;
}

export function watchMessages(plane: ControlPlane, openRuns: () => number, report: Report): WatchedMessages {
  const passed = new Set<string>();
  let still = false;
  plane.queues.watchTicks(({ runId, seq }, sender) => {
    if (still && openRuns() === 0) report(20, `${sender} sent a tick for ${runId}, which has ended`);
    if (seq === undefined || !sender.startsWith("reconcile")) return;
    if (passed.has(`${runId}/${seq}`)) report(20, `tick ${seq} of ${runId} was sent twice by reconcile: two chains`);
    passed.add(`${runId}/${seq}`);
  });
  return {
    beStill() {
      still = true;
    },
    offerDeleted(body, runner) {
      const { tenant, runId, jobId, fence } = offerSchema.parse(JSON.parse(body));
      const job = plane.table.get({ pk: `T#${tenant}#RUN#${runId}`, sk: `JOB#${jobId}` }) as unknown as
        | JobItem
        | undefined;
      if (job !== undefined && job.fence === fence && !ENDED_JOB.has(job.state))
        report(7, `${runner.name} deleted the offer of job ${jobId} at fence ${fence}, and nobody had answered it`);
    },
  };
}
