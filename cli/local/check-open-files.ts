import { availableParallelism } from "node:os";
import { tooFewOpenFiles } from "../../shared/lib/open-files.ts";
import { CommandError } from "../command-error.ts";

/** Throws CommandError where the stack, the runner and their children may not open as many files as they need. */
export function checkOpenFiles(slots = availableParallelism()): void {
  const mistake = tooFewOpenFiles(slots);
  if (mistake !== undefined) throw new CommandError(mistake);
}
