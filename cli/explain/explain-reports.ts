import type { RunJobs } from "../../shared/protocol/list-all-jobs.ts";
import type { TellTime } from "./tell-time.ts";

/** Says what of a run its forge does not show: given up, or waiting, with the forge's words and what to do. Pure. */
export function explainReports({ reports }: Pick<RunJobs, "reports">, time: TellTime): string[] {
  if (reports === undefined) return [];
  const { problems, nextAtMs, more } = reports;
  const lines = problems.map(({ name = "All of its reports", state, message, advice, sinceMs }) => {
    const since = sinceMs === undefined ? "" : ` since ${time.at(sinceMs)}`;
    const stands = state === "given_up" ? "was given up" : `waits${since}`;
    return `Report to the forge: ${name} ${stands}: ${message}. ${advice}`;
  });
  const next =
    problems.length === 0 || nextAtMs === undefined ? [] : [`Reports are tried again at ${time.at(nextAtMs)}.`];
  return [...lines, ...(more === undefined ? [] : [`And ${more} more reports are not shown.`]), ...next];
}
