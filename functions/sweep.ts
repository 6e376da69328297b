import middy from "@middy/core";
import type { Context, ScheduledEvent } from "aws-lambda";
import { sweepRuns } from "../shared/usecases/sweep-runs.ts";
import { deps } from "./process-deps.ts";

/** Once a minute: wakes the runs whose tick was lost. */
export const handler = middy<ScheduledEvent, { late: number }, Error, Context>()
  .use({ after: () => deps.observer.flush() })
  .handler(async () => ({ late: await sweepRuns(deps) }));
