import { makeDynamoSweepStore } from "../shared/store/dynamo-sweep-store.ts";
import type { ReportDeps } from "../shared/usecases/report-deps.ts";
import type { SweepDeps } from "../shared/usecases/sweep-deps.ts";
import { documentClient } from "./aws-clients.ts";
import type { FunctionDeps } from "./deps.ts";
import { makeReportDeps } from "./report-deps.ts";

/** What sweep needs, beside what every function has. The forge's client is loaded where it is first called. */
export function makeSweepDeps(deps: FunctionDeps): FunctionDeps & SweepDeps & ReportDeps {
  const { environment, meter } = deps;
  const sweeps = makeDynamoSweepStore(documentClient(environment, meter), environment.BATON_TABLE);
  return { ...makeReportDeps(deps), sweeps };
}
