import {
  absent,
  add,
  after,
  arg,
  before,
  contains,
  type Effect,
  equals,
  remove,
  removeFromSet,
  set,
  table,
} from "./move.ts";

export const RUN_STATES = [
  "planning",
  "live",
  "canceling",
  "succeeded",
  "failed",
  "errored",
  "timed_out",
  "canceled",
  "plan_failed",
] as const;
export type RunState = (typeof RUN_STATES)[number];

export const RUN_TERMINAL = ["succeeded", "failed", "errored", "timed_out", "canceled", "plan_failed"] as const;

/** A closed run leaves the index of due runs, so that sweep and ticks forget it. */
const close: readonly Effect[] = [set("endedAtMs", arg("nowMs")), remove("wakeAtMs"), remove("dueShard")];
const closeWithReason: readonly Effect[] = [...close, set("reason", arg("reason"))];
/** One that its deadline closed keeps its place there until its jobs have ended, too. */
const closeOver: readonly Effect[] = [set("endedAtMs", arg("nowMs")), set("wakeAtMs", arg("nowMs"))];

/** One unfinished node leaves the set, and its outcome is counted, exactly once. */
export const endNodeEffects: readonly Effect[] = [
  removeFromSet("open", arg("node")),
  add("tally.failed", arg("failed")),
  add("tally.lost", arg("lost")),
];

const passOn: readonly Effect[] = [
  add("tickSeq", 1),
  set("wakeAtMs", arg("wakeAtMs")),
  set("tickedAtMs", arg("nowMs")),
];

const ACTIVE = ["planning", "live", "canceling"] as const;
const CLOSED_OVER = ["timed_out", "canceled"] as const;

/** Every legal move of a run (DESIGN section 2). */
export const runMoves = table("run", {
  bearLive: {
    doc: "Born with its plan: the definition came with the request.",
    from: "none",
    to: "live",
    recorded: false,
  },
  bearPlanning: {
    doc: "Born without a plan: the definition must be read first.",
    from: "none",
    to: "planning",
    recorded: false,
  },

  commitPlan: {
    doc: "The plan's nodes are written; from here they may be offered.",
    from: ["planning"],
    to: "live",
    guards: [absent("planDigest")],
    effects: [
      set("planDigest", arg("planDigest")),
      set("pipeline", arg("pipeline")),
      set("open", arg("open")),
      set("wakeAtMs", arg("wakeAtMs")),
    ],
  },
  failPlan: {
    doc: "The definition cannot be planned.",
    from: ["planning"],
    to: "plan_failed",
    effects: closeWithReason,
  },

  approve: {
    doc: "Somebody lets a fork's commit run: this very commit, and no other. Its held jobs may be admitted from here.",
    from: ["planning", "live"],
    to: "unchanged",
    guards: [equals("approval.sha", arg("sha")), absent("approval.atMs")],
    effects: [set("approval.atMs", arg("nowMs")), set("approval.by", arg("by")), set("wakeAtMs", arg("nowMs"))],
  },

  endNode: {
    doc: "A node of the plan has ended.",
    from: ["live", "canceling"],
    to: "unchanged",
    guards: [contains("open", arg("node"))],
    effects: endNodeEffects,
    recorded: false,
  },
  succeed: {
    doc: "Every node has ended and none counts against the verdict.",
    from: ["live"],
    to: "succeeded",
    guards: [absent("open"), equals("tally.failed", 0), equals("tally.lost", 0)],
    effects: close,
  },
  fail: {
    doc: "Every node has ended and a check failed.",
    from: ["live"],
    to: "failed",
    guards: [absent("open"), after("tally.failed", 0)],
    effects: close,
  },
  err: {
    doc: "Every node has ended, no check failed, but a required job was lost.",
    from: ["live"],
    to: "errored",
    guards: [absent("open"), equals("tally.failed", 0), after("tally.lost", 0)],
    effects: close,
  },
  timeOut: {
    doc: "The run's hard deadline: reads nothing but the run item.",
    from: ["live"],
    to: "timed_out",
    guards: [before("hardDeadlineMs", arg("nowMs"))],
    effects: [...closeOver, set("reason", arg("reason"))],
  },

  cancel: {
    doc: "Somebody asked to stop. Leased jobs end by their holder's word or by expiry.",
    from: ["planning", "live"],
    to: "canceling",
    effects: [set("reason", arg("reason")), set("wakeAtMs", arg("wakeAtMs"))],
  },
  supersede: {
    doc: "A newer push has its place: it is canceled, unless a push back to its commit has the place by now. Its trigger may start anew.",
    from: ["planning", "live"],
    to: "canceling",
    guards: [before("turn", arg("turn"))],
    effects: [set("reason", arg("reason")), set("wakeAtMs", arg("wakeAtMs")), set("supersededBy", arg("by"))],
  },
  keepPlace: {
    doc: "Its commit was pushed again and has the place: no push before that supersedes it any more.",
    from: ["planning", "live"],
    to: "unchanged",
    guards: [before("turn", arg("turn"))],
    effects: [set("turn", arg("turn"))],
    recorded: false,
  },
  finishCancel: {
    doc: "Every node of a canceled run has ended (a run canceled while planning has none).",
    from: ["canceling"],
    to: "canceled",
    guards: [absent("open")],
    effects: close,
  },
  forceCancel: {
    doc: "A canceled run at its hard deadline closes whatever its nodes say.",
    from: ["canceling"],
    to: "canceled",
    guards: [before("hardDeadlineMs", arg("nowMs"))],
    effects: closeOver,
  },

  tick: {
    doc: "Passes the tick chain on. Only the reconcile whose seq applies sends the next, so chains cannot multiply.",
    from: ACTIVE,
    to: "unchanged",
    guards: [equals("tickSeq", arg("seq"))],
    effects: passOn,
    recorded: false,
  },
  park: {
    doc: "Ends the tick chain of a run that waits for its approval: only its hard deadline, or that approval, wakes it.",
    from: ["live"],
    to: "unchanged",
    guards: [equals("tickSeq", arg("seq")), absent("approval.atMs")],
    effects: passOn,
    recorded: false,
  },
  seeOut: {
    doc: "Passes the tick chain on for a run that its deadline closed, while jobs of it have not ended.",
    from: CLOSED_OVER,
    to: "unchanged",
    guards: [equals("tickSeq", arg("seq")), after("wakeAtMs", 0)],
    effects: passOn,
    recorded: false,
  },
  forget: {
    doc: "Ends the tick chain of a run that its deadline closed: its jobs have ended.",
    from: CLOSED_OVER,
    to: "unchanged",
    guards: [equals("tickSeq", arg("seq"))],
    effects: [remove("wakeAtMs"), remove("dueShard")],
    recorded: false,
  },
});
