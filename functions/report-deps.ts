import { makeDynamoReportStore } from "../shared/store/dynamo-report-store.ts";
import type { ReportDeps } from "../shared/usecases/report-deps.ts";
import { documentClient } from "./aws-clients.ts";
import type { FunctionDeps } from "./deps.ts";

/** What reporting to forges needs, beside what every function has. */
export function makeReportDeps(deps: FunctionDeps): FunctionDeps & ReportDeps {
  const { environment, meter } = deps;
  return {
    ...deps,
    reports: makeDynamoReportStore(documentClient(environment, meter), environment.BATON_TABLE),
    publicUrl: environment.BATON_PUBLIC_URL,
  };
}
