import { waitsForApproval } from "../../shared/usecases/births.ts";
import type { Broken } from "./explore.ts";
import type { Group, State } from "./state.ts";

/** A violation as a story: what happened, step by step, and how the table stood after each. */
export function storyOf(broken: Broken): string {
  const lines = broken.trace.map(({ say, state }, at) => `${String(at + 1).padStart(4)}. ${say}\n${tableOf(state)}`);
  return [...lines, `      Then: ${broken.message}.`, `      Invariant ${broken.invariant} does not hold.`].join("\n");
}

function tableOf(state: State): string {
  return state.groups.map((group) => `      ${itemsOf(group, state.nowMs)}`).join("\n");
}

function itemsOf({ run, jobs, checks, attempts }: Group, nowMs: number): string {
  const time = (atMs: number) => `${(atMs - nowMs) / 1_000} s`;
  const ofJobs = jobs.map(({ jobId, state, fence, lease, stop, left }) => {
    const held = lease === undefined ? "" : `, lease of ${lease.runnerName} ends in ${time(lease.expiresAtMs)}`;
    const asked = stop === undefined ? "" : `, to stop (${stop.reason}) within ${time(stop.deadlineMs)}`;
    return `${jobId} ${state}, fence ${fence}${held}${asked}, retries ${left.failed}+${left.lost}`;
  });
  const ofChecks = checks.map(({ checkId, state, remaining }) => `check ${checkId} ${state}, ${remaining} to come`);
  const ofHosts = attempts
    .filter(({ processes }) => processes !== "spent")
    .map(({ jobId, fence, runner, processes }) => `${runner}: processes of ${jobId}/${fence} ${processes}`);
  const wakes = run.wakeAtMs === undefined ? "never wakes" : `wakes in ${time(run.wakeAtMs)}`;
  const approved = waitsForApproval(run) ? "waits for approval" : "approved";
  const fork = run.approval === undefined ? "" : `, ${approved}, ${wakes}`;
  return [`run ${run.state}${fork}`, ...ofJobs, ...ofChecks, ...ofHosts].join(" | ");
}
