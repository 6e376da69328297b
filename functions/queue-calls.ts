import { z } from "zod";
import { runId } from "../shared/protocol/ids.ts";
import { planRun } from "../shared/usecases/plan-run.ts";
import { reconcileRun } from "../shared/usecases/reconcile-run.ts";
import type { FunctionDeps } from "./deps.ts";
import { correlated } from "./observe.ts";
import { queueLambda } from "./queue-lambda.ts";

/** What the queues' messages call, apart from the process that serves it. */

const planRequest = z.object({ tenant: z.string(), runId });
const tick = z.object({ tenant: z.string(), runId, seq: z.int().optional() });

/** Reads the definition of a planning run and commits its plan. */
export const planLambda = (deps: FunctionDeps) =>
  queueLambda(deps, planRequest, (ref) => correlated({ run: ref.runId }, () => planRun(deps, ref)));

/** A tick: does what is due in one run, and passes the chain on. */
export const reconcileLambda = (deps: FunctionDeps) =>
  queueLambda(deps, tick, ({ seq, ...ref }) =>
    correlated({ run: ref.runId }, () => reconcileRun(deps, seq === undefined ? ref : { ...ref, seq })),
  );
