import type { AttemptView, JobView, RunView } from "../../../shared/protocol/runs.ts";

/** Views as the API answers them, with the least that is needed. */

export const START = Date.UTC(2026, 10, 20, 12, 0, 0);
export const RUN_ID = `run_${"0".repeat(26)}`;

export function run(state: RunView["state"], more: Partial<RunView> = {}): RunView {
  return {
    id: RUN_ID,
    project: "default",
    pipeline: "ci",
    state,
    createdAtMs: START,
    createdBy: "token:alice",
    history: {},
    ...more,
  };
}

export function job(id: string, more: Partial<JobView> = {}): JobView {
  return {
    runId: RUN_ID,
    id,
    name: id,
    state: "waiting",
    pool: "default",
    fence: more.attempts?.length ?? 0,
    resolved: {},
    checks: [],
    allowFailure: false,
    left: { failed: 0, lost: 3 },
    createdAtMs: START,
    attempts: [],
    history: {},
    ...more,
  };
}

export function attempt(fence: number, more: Partial<AttemptView> = {}): AttemptView {
  return { fence, runner: `r${fence}`, grantedAtMs: START, startedAtMs: START, ...more };
}
