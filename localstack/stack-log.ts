import { boundData } from "../shared/lib/bound-data.ts";

/** The stack's own lines, as JSON beside the handlers': the parent has pointed stdout at the log file. */

export type Log = (
  level: "INFO" | "WARN" | "ERROR",
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

export const logLine: Log = (level, message, fields = {}) => {
  process.stdout.write(`${JSON.stringify(boundData({ level, message, service: "stack", ...fields }))}\n`);
};

/** An error as fields of a log line, with the chain of its causes. */
export function errorFields(error: unknown): { error: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  const cause = error.cause === undefined ? "" : `\ncaused by: ${errorFields(error.cause).error}`;
  return { error: (error.stack ?? error.message) + cause };
}
