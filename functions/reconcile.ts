import { z } from "zod";
import { runId } from "../shared/protocol/ids.ts";
import { reconcileRun } from "../shared/usecases/reconcile-run.ts";
import { correlated } from "./observe.ts";
import { deps } from "./process-deps.ts";
import { queueLambda } from "./queue-lambda.ts";

const tick = z.object({ tenant: z.string(), runId, seq: z.int().optional() });

/** A tick: does what is due in one run, and passes the chain on. */
export const handler = queueLambda(deps, tick, ({ seq, ...ref }) =>
  correlated({ run: ref.runId }, () => reconcileRun(deps, seq === undefined ? ref : { ...ref, seq })),
);
