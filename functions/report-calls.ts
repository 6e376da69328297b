import { z } from "zod";
import { projectName, runId } from "../shared/protocol/ids.ts";
import type { ReportDeps } from "../shared/usecases/report-deps.ts";
import { reportComment } from "../shared/usecases/report-pull.ts";
import { reportRun } from "../shared/usecases/report-run.ts";
import type { FunctionDeps } from "./deps.ts";
import { correlated } from "./observe.ts";
import { queueLambda } from "./queue-lambda.ts";

const ofRun = z.object({ tenant: z.string(), runId });
const ofPull = z.object({ tenant: z.string(), project: projectName, number: z.int().positive() });

/** What the messages of the queue `reports` call, apart from the process that serves it. */
export const reportLambda = (deps: FunctionDeps & ReportDeps) =>
  queueLambda(deps, z.union([ofRun, ofPull]), (ref) =>
    "runId" in ref
      ? correlated({ run: ref.runId }, () => reportRun(deps, ref))
      : correlated({ project: ref.project, pull: ref.number }, () => reportComment(deps, ref)),
  );
