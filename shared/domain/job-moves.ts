import { absent, add, after, arg, before, type Effect, equals, type Guard, put, remove, set, table } from "./move.ts";

/** How a job stands. Lease and attempt are views of the job item, so they move with it in one write. */
export const JOB_STATES = [
  "waiting",
  "held",
  "queued",
  "leased",
  "running",
  "stopping",
  "succeeded",
  "failed",
  "timed_out",
  "canceled",
  "skipped",
  "lost",
] as const;

export const JOB_TERMINAL = ["succeeded", "failed", "timed_out", "canceled", "skipped", "lost"] as const;

/** The caller holds this very attempt: its fence and its claim. */
const holder: readonly Guard[] = [equals("fence", arg("fence")), equals("lease.claimId", arg("claimId"))];
const unexpired: Guard = after("lease.expiresAtMs", arg("nowMs"));
const expired: Guard = before("lease.expiresAtMs", arg("nowMs"));
const sameFence: Guard = equals("fence", arg("fence"));

/** The attempt's end is written once, beside its grant. */
const endAttempt: readonly Effect[] = [
  put("attempts.$fence.end", arg("end")),
  remove("lease"),
  remove("stop"),
  remove("phase"),
];
const endJob: readonly Effect[] = [...endAttempt, set("result", arg("result")), set("endedAtMs", arg("nowMs"))];
/** Queued again under the same fence: the next claim raises it. */
const requeue: readonly Effect[] = [
  ...endAttempt,
  set("queuedAtMs", arg("nowMs")),
  set("queueDeadlineMs", arg("queueDeadlineMs")),
];
const endUnleased: readonly Effect[] = [
  set("result", arg("result")),
  set("reason", arg("reason")),
  set("endedAtMs", arg("nowMs")),
];

const LEASED = ["leased", "running"] as const;
const failuresLeft: Guard = after("left.failed", 0);
const noFailuresLeft: Guard = equals("left.failed", 0);
const lossesLeft: Guard = after("left.lost", 0);
const noLossesLeft: Guard = equals("left.lost", 0);

/** Every legal move of a job (DESIGN section 2). */
export const jobMoves = table("job", {
  bearWaiting: { doc: "Born with unmet needs.", from: "none", to: "waiting", recorded: false },
  bearQueued: { doc: "Born free to run.", from: "none", to: "queued", recorded: false },
  bearHeld: { doc: "Born free to run but for an approval.", from: "none", to: "held", recorded: false },
  bearInherited: {
    doc: "Born ended: a rerun of what failed takes over the result of a job that had succeeded.",
    from: "none",
    to: "succeeded",
    recorded: false,
  },

  resolve: {
    doc: "Records how one need ended, once. The answer is the item, on which the predicate decides.",
    from: ["waiting"],
    to: "unchanged",
    guards: [absent("resolved.$source")],
    effects: [put("resolved.$source", arg("outcome"))],
    recorded: false,
  },
  enqueue: {
    doc: "The needs are met: free to run.",
    from: ["waiting"],
    to: "queued",
    effects: [set("queuedAtMs", arg("nowMs")), set("queueDeadlineMs", arg("queueDeadlineMs"))],
  },
  hold: { doc: "The needs are met, but an approval or a slot is not.", from: ["waiting"], to: "held" },
  admit: {
    doc: "The approval or the slot has come.",
    from: ["held"],
    to: "queued",
    effects: [set("queuedAtMs", arg("nowMs")), set("queueDeadlineMs", arg("queueDeadlineMs"))],
  },
  skip: { doc: "The needs can no longer be met.", from: ["waiting"], to: "skipped", effects: endUnleased },
  cancel: {
    doc: "Canceled before anybody held it.",
    from: ["waiting", "held", "queued"],
    to: "canceled",
    effects: endUnleased,
  },
  abandon: {
    doc: "Nobody came before the queue deadline.",
    from: ["queued"],
    to: "lost",
    guards: [before("queueDeadlineMs", arg("nowMs"))],
    effects: endUnleased,
  },

  claim: {
    doc: "Grants the lease. The fence must be as offered, so that a late duplicate never takes a later one.",
    from: ["queued"],
    to: "leased",
    guards: [sameFence, equals("pool", arg("pool")), after("runDeadlineMs", arg("nowMs"))],
    effects: [add("fence", 1), set("lease", arg("lease")), put("attempts.$nextFence", arg("attempt"))],
  },
  ack: {
    doc: "The first renewal. No step starts before it.",
    from: ["leased"],
    to: "running",
    guards: [...holder, unexpired],
    effects: [
      set("lease.expiresAtMs", arg("newExpiryMs")),
      set("phase", "starting"),
      set("attempts.$fence.startedAtMs", arg("nowMs")),
    ],
  },
  heartbeat: {
    doc: "Renews a lease. A delayed, older renewal never shortens it; an expired one is never revived.",
    from: ["running"],
    to: "unchanged",
    guards: [...holder, unexpired, before("lease.expiresAtMs", arg("newExpiryMs"))],
    effects: [
      set("lease.expiresAtMs", arg("newExpiryMs")),
      set("phase", arg("phase")),
      set("lease.step", arg("step")),
      set("lease.logBytes", arg("logBytes")),
    ],
    recorded: false,
  },
  heartbeatStopping: {
    doc: "Renews a lease that is being stopped, never past the stop deadline that the caller has seen.",
    from: ["stopping"],
    to: "unchanged",
    guards: [
      ...holder,
      unexpired,
      before("lease.expiresAtMs", arg("newExpiryMs")),
      equals("stop.deadlineMs", arg("stopDeadlineMs")),
    ],
    effects: [set("lease.expiresAtMs", arg("newExpiryMs"))],
    recorded: false,
  },
  watch: {
    doc: "Somebody follows the log: the holder flushes fast until then.",
    from: ["waiting", "held", "queued", "leased", "running"],
    to: "unchanged",
    guards: [before("watchedUntilMs", arg("watchedUntilMs"))],
    effects: [set("watchedUntilMs", arg("watchedUntilMs"))],
    recorded: false,
  },

  succeed: {
    doc: "The holder reports success.",
    from: ["running"],
    to: "succeeded",
    guards: [...holder, unexpired],
    effects: endJob,
  },
  fail: {
    doc: "The holder reports failure; no retries are left.",
    from: ["running"],
    to: "failed",
    guards: [...holder, unexpired, noFailuresLeft],
    effects: endJob,
  },
  timeOut: {
    doc: "The holder itself stopped the attempt at its timeout; no retries are left.",
    from: ["running"],
    to: "timed_out",
    guards: [...holder, unexpired, noFailuresLeft],
    effects: endJob,
  },
  retry: {
    doc: "The holder reports failure or timeout; the user's retries allow another attempt.",
    from: ["running"],
    to: "queued",
    guards: [...holder, unexpired, failuresLeft],
    effects: [...requeue, add("left.failed", -1)],
  },

  release: {
    doc: "The holder (or its watchdog) gives the lease back; its processes are gone.",
    from: LEASED,
    to: "queued",
    guards: [...holder, lossesLeft],
    effects: [...requeue, add("left.lost", -1)],
  },
  releaseSpent: {
    doc: "The holder gives the lease back, and the loss budget is spent.",
    from: LEASED,
    to: "lost",
    guards: [...holder, noLossesLeft],
    effects: endJob,
  },
  expire: {
    doc: "The lease ran out: infrastructure loss, never the user's failure.",
    from: LEASED,
    to: "queued",
    guards: [sameFence, expired, lossesLeft],
    effects: [...requeue, add("left.lost", -1)],
  },
  expireSpent: {
    doc: "The lease ran out, and the loss budget is spent.",
    from: LEASED,
    to: "lost",
    guards: [sameFence, expired, noLossesLeft],
    effects: endJob,
  },

  stop: {
    doc: "Asks the holder to stop: cancel, timeout or superseded. The first reason stands.",
    from: LEASED,
    to: "stopping",
    guards: [sameFence],
    effects: [set("stop", arg("stop"))],
  },
  stoppedCancel: {
    doc: "The holder's word that the canceled attempt is gone.",
    from: ["stopping"],
    to: "canceled",
    guards: [...holder, ...stoppedFor("cancel")],
    effects: endJob,
  },
  stoppedSupersede: {
    doc: "The holder's word that the superseded attempt is gone.",
    from: ["stopping"],
    to: "canceled",
    guards: [...holder, ...stoppedFor("superseded")],
    effects: endJob,
  },
  stoppedTimeout: {
    doc: "The holder's word that the timed out attempt is gone; no retries are left.",
    from: ["stopping"],
    to: "timed_out",
    guards: [...holder, ...stoppedFor("timeout"), noFailuresLeft],
    effects: endJob,
  },
  stoppedRetry: {
    doc: "The holder's word that the timed out attempt is gone; the user's retries allow another.",
    from: ["stopping"],
    to: "queued",
    guards: [...holder, ...stoppedFor("timeout"), failuresLeft],
    effects: [...requeue, add("left.failed", -1)],
  },
  expireCancel: {
    doc: "The lease of a canceled attempt ran out: a dead runner cannot strand a stopping job.",
    from: ["stopping"],
    to: "canceled",
    guards: [sameFence, expired, ...stoppedFor("cancel")],
    effects: endJob,
  },
  expireSupersede: {
    doc: "The lease of a superseded attempt ran out.",
    from: ["stopping"],
    to: "canceled",
    guards: [sameFence, expired, ...stoppedFor("superseded")],
    effects: endJob,
  },
  expireTimeout: {
    doc: "The lease of a timed out attempt ran out; no retries are left.",
    from: ["stopping"],
    to: "timed_out",
    guards: [sameFence, expired, ...stoppedFor("timeout"), noFailuresLeft],
    effects: endJob,
  },
  expireTimeoutRetry: {
    doc: "The lease of a timed out attempt ran out; the user's retries allow another.",
    from: ["stopping"],
    to: "queued",
    guards: [sameFence, expired, ...stoppedFor("timeout"), failuresLeft],
    effects: [...requeue, add("left.failed", -1)],
  },
});

function stoppedFor(reason: "cancel" | "superseded" | "timeout"): readonly Guard[] {
  return [equals("stop.reason", reason)];
}
