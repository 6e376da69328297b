import type { RunTrigger, Trigger, TriggerSource } from "../protocol/triggers.ts";
import { digest } from "./specs.ts";

/** Names by which the same event is the same, however often and by whatever way it comes. */

const ref = (trigger: Trigger): string => {
  switch (trigger.event) {
    case "push":
      return trigger.branch;
    case "tag":
      return trigger.tag;
    case "pull_request":
      return String(trigger.number);
    case "schedule":
      return JSON.stringify([trigger.branch, trigger.pipelinePath, trigger.cron]);
  }
};

/**
 * What happened, and to which commit. Of a schedule it is the due time: whatever is on the branch by then. A pull request
 * that was closed and is open again is another moment of its commit, and so is one that is to be merged into another branch.
 */
function moment(trigger: Trigger): string {
  if (trigger.event === "schedule") return String(trigger.dueAtMs);
  if (trigger.event !== "pull_request") return trigger.sha;
  return JSON.stringify([trigger.sha, trigger.base.branch, trigger.closedAtMs ?? 0]);
}

/** Of a trigger of a project: a repeated push of a commit to a branch is the same one. A digest. */
export function triggerKey(project: string, trigger: Trigger): string {
  return digest(JSON.stringify([project, trigger.event, ref(trigger), moment(trigger)]));
}

/** Of the one run that a trigger may start of a pipeline. A digest. */
export function runKeyOf(project: string, pipelinePath: string, trigger: Trigger): string {
  return digest(JSON.stringify([project, pipelinePath, trigger.event, ref(trigger), moment(trigger)]));
}

/** Of a pipeline's place on a branch or pull request. A digest. */
export function placeKey(project: string, pipelinePath: string, trigger: Trigger): string {
  return digest(JSON.stringify([project, pipelinePath, trigger.event, ref(trigger)]));
}

/** As its run keeps it. */
export function toRunTrigger(trigger: Trigger, via: TriggerSource, nowMs: number): RunTrigger {
  const { event, occurredAtMs, actor } = trigger;
  return {
    event,
    via,
    occurredAtMs,
    ...(actor === undefined ? {} : { actor }),
    ...(trigger.event === "tag" ? { tag: trigger.tag } : { branch: trigger.branch }),
    ...(trigger.event === "pull_request" ? { number: trigger.number, base: trigger.base } : {}),
    ...(trigger.event === "schedule" ? { cron: trigger.cron, lateMs: Math.max(0, nowMs - trigger.dueAtMs) } : {}),
    fork: isFork(trigger),
  };
}

/** Code of somebody else's repository. Nothing but where the branch lives says so: no name of an author or a bot does (SECURITY 22). */
export const isFork = (trigger: Trigger): boolean => trigger.event === "pull_request" && trigger.fork;

/** The commit whose definitions hold: of a fork, the one that it would be merged into (SECURITY 20). */
export const definitionShaOf = (trigger: Trigger): string =>
  trigger.event === "pull_request" && trigger.fork ? trigger.base.sha : trigger.sha;
