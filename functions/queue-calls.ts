import { z } from "zod";
import { projectName, runId } from "../shared/protocol/ids.ts";
import { decideDelivery } from "../shared/usecases/decide-delivery.ts";
import { planRun } from "../shared/usecases/plan-run.ts";
import { reconcileRun } from "../shared/usecases/reconcile-run.ts";
import type { FunctionDeps } from "./deps.ts";
import { correlated } from "./observe.ts";
import { queueLambda } from "./queue-lambda.ts";

/** What the queues' messages call, apart from the process that serves it. */

const planRequest = z.object({ kind: z.literal("plan").default("plan"), tenant: z.string(), runId });
const deliveryRequest = z.object({
  kind: z.literal("delivery"),
  tenant: z.string(),
  forge: z.literal("github"),
  project: projectName,
  deliveryId: z.string(),
  fence: z.int().optional(),
});
const planMessage = z.union([deliveryRequest, planRequest]);
const tick = z.object({ tenant: z.string(), runId, seq: z.int().optional() });

/** Reads the definition of a planning run and commits its plan; or decides what a delivery of a webhook starts. */
export const planLambda = (deps: FunctionDeps) =>
  queueLambda(deps, planMessage, (message) =>
    message.kind === "plan"
      ? correlated({ run: message.runId }, () => planRun(deps, message))
      : correlated({ project: message.project, delivery: message.deliveryId }, () => decideDelivery(deps, message)),
  );

/** A tick: does what is due in one run, and passes the chain on. */
export const reconcileLambda = (deps: FunctionDeps) =>
  queueLambda(deps, tick, ({ seq, ...ref }) =>
    correlated({ run: ref.runId }, () => reconcileRun(deps, seq === undefined ? ref : { ...ref, seq })),
  );
