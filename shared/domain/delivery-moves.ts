import { add, arg, before, type Effect, equals, type Guard, remove, set, table } from "./move.ts";

export const DELIVERY_STATES = ["received", "handled", "ignored", "failed"] as const;
/** What is ignored or has failed may come again: the forge, the project or its credentials were mended meanwhile. */
export const DELIVERY_TERMINAL = ["handled"] as const;

/** A delivery that is done leaves the index of due items, so that sweep forgets it. */
const close: readonly Effect[] = [set("endedAtMs", arg("nowMs")), remove("wakeAtMs"), remove("dueShard")];
const closeWithReason: readonly Effect[] = [...close, set("reason", arg("reason"))];

/** A slow try does not end what was postponed, or delivered once more, since it read the delivery. */
const ofThisTry: readonly Guard[] = [equals("fence", arg("fence"))];

/** Every legal move of a webhook's delivery. Its id is its key, so that the same delivery is received once. */
export const deliveryMoves = table("delivery", {
  bearReceived: {
    doc: "Its signature holds, and it is kept; what follows from it is not decided yet.",
    from: "none",
    to: "received",
    recorded: false,
  },
  bearIgnored: {
    doc: "Its signature holds, and it is of a kind that starts nothing.",
    from: "none",
    to: "ignored",
    recorded: false,
  },
  handle: {
    doc: "Every pipeline has its run, or the reason why it has none.",
    from: ["received"],
    to: "handled",
    effects: [...close, set("decisions", arg("decisions")), remove("reason")],
  },
  ignore: {
    doc: "It starts nothing: too old, or its project is gone.",
    from: ["received"],
    to: "ignored",
    guards: ofThisTry,
    effects: closeWithReason,
  },
  fail: {
    doc: "Nobody could decide it: the forge refuses for good, or did not answer for too long.",
    from: ["received"],
    to: "failed",
    guards: ofThisTry,
    effects: closeWithReason,
  },
  receiveAgain: {
    doc: "The forge delivers it once more, under its id: it is decided anew, with tries and time of its own.",
    from: ["ignored", "failed"],
    to: "received",
    guards: [before("fence", arg("fenceMax"))],
    effects: [
      set("trigger", arg("trigger")),
      set("repository", arg("repository")),
      set("receivedAtMs", arg("nowMs")),
      set("wakeAtMs", arg("nowMs")),
      set("dueShard", arg("dueShard")),
      set("ttl", arg("ttl")),
      set("tries", 0),
      add("fence", 1),
      remove("endedAtMs"),
      remove("reason"),
    ],
  },
  remind: {
    doc: "Sweep has asked for it again. It goes behind others that wait, so that none which nobody can decide hides them.",
    from: ["received"],
    to: "unchanged",
    guards: [equals("wakeAtMs", arg("seenWakeAtMs"))],
    effects: [set("wakeAtMs", arg("wakeAtMs"))],
    recorded: false,
  },
  postpone: {
    doc: "The forge does not answer now, or refuses what may be mended: it is tried again at `wakeAtMs`.",
    from: ["received"],
    to: "unchanged",
    guards: ofThisTry,
    effects: [
      set("fence", arg("nextFence")),
      set("wakeAtMs", arg("wakeAtMs")),
      set("reason", arg("reason")),
      add("tries", 1),
    ],
  },
});
