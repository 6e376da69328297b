import type { RunState } from "../shared/domain/run-moves.ts";
import { EXIT } from "./exit-codes.ts";

/** The exit code that a run's end stands for. */
export function verdictExit(state: RunState): number {
  if (state === "succeeded") return EXIT.ok;
  return state === "failed" ? EXIT.checkFailed : EXIT.couldNotRun;
}
