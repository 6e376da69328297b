import { deps } from "./process-deps.ts";
import { reportLambda } from "./report-calls.ts";
import { makeReportDeps } from "./report-deps.ts";

/** Shows runs in the forge that started them. */
export const handler = reportLambda(makeReportDeps(deps));
