import middy from "@middy/core";
import type { Context, ScheduledEvent } from "aws-lambda";
import { SWEEP_RESERVE_MS } from "../shared/domain/limits.ts";
import type { ReportDeps } from "../shared/usecases/report-deps.ts";
import { sweepDeliveries } from "../shared/usecases/sweep-deliveries.ts";
import type { SweepDeps } from "../shared/usecases/sweep-deps.ts";
import { type SweepPartName, sweepParts } from "../shared/usecases/sweep-parts.ts";
import { sweepProjects } from "../shared/usecases/sweep-projects.ts";
import { sweepReports } from "../shared/usecases/sweep-reports.ts";
import { sweepRuns } from "../shared/usecases/sweep-runs.ts";
import { sweepSchedules } from "../shared/usecases/sweep-schedules.ts";
import type { FunctionDeps } from "./deps.ts";

/**
 * Once a minute, what is cheap and many wait for comes first: runs, deliveries and reports whose message was lost, then
 * schedules, and at last what asks the forges. Fails where a part of it failed, after all had their turn.
 */
export const sweepLambda = (deps: FunctionDeps & SweepDeps & ReportDeps) =>
  middy<ScheduledEvent, Partial<Record<SweepPartName, number>>, Error, Context>()
    .use({
      after: () => deps.observer.flush(),
      onError: ({ error }) => {
        deps.observer.log.error("a sweep failed", error);
        deps.observer.flush();
      },
    })
    .handler((_event, context) => {
      const isOver = () => context.getRemainingTimeInMillis() < SWEEP_RESERVE_MS;
      return sweepParts(deps, [
        { name: "runs", sweep: () => sweepRuns(deps) },
        { name: "deliveries", sweep: () => sweepDeliveries(deps) },
        { name: "reports", sweep: () => sweepReports(deps) },
        { name: "schedules", sweep: () => sweepSchedules(deps, isOver) },
        { name: "projects", sweep: () => sweepProjects(deps, isOver) },
      ]);
    });
