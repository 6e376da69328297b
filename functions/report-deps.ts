import type { ReportDeps } from "../shared/usecases/report-deps.ts";
import type { FunctionDeps } from "./deps.ts";

/** What reporting to forges needs, beside what every function has. */
export function makeReportDeps(deps: FunctionDeps): FunctionDeps & ReportDeps {
  return { ...deps, publicUrl: deps.environment.BATON_PUBLIC_URL };
}
