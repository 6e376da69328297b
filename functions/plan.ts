import { z } from "zod";
import { runId } from "../shared/protocol/ids.ts";
import { planRun } from "../shared/usecases/plan-run.ts";
import { correlated } from "./observe.ts";
import { deps } from "./process-deps.ts";
import { queueLambda } from "./queue-lambda.ts";

const request = z.object({ tenant: z.string(), runId });

/** Reads the definition of a planning run and commits its plan. */
export const handler = queueLambda(deps, request, (ref) => correlated({ run: ref.runId }, () => planRun(deps, ref)));
