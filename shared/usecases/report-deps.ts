import type { ReportStore } from "../store/report-store.ts";
import type { Forge } from "./forge.ts";
import type { ProjectDeps } from "./trigger-deps.ts";

/** What reporting to forges needs beside the rest. */
export interface ReportDeps extends ProjectDeps {
  readonly forge: Forge;
  readonly reports: ReportStore;
  /** Where people see runs; undefined where nothing shows them. */
  readonly publicUrl: string | undefined;
}
