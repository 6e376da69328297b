import { absent, add, arg, before, type Effect, equals, type Guard, put, remove, set, table } from "./move.ts";

/** What a forge is to be shown of one run, or in one pull request's comment, and how far that has come. */
export const OUTBOX_STATES = ["pending", "sending", "delivered", "given_up"] as const;
export const OUTBOX_TERMINAL = ["delivered", "given_up"] as const;

/** One sender at a time: `seq` grows with each, and `sender` names it, so that a repeat of its own write is known. */
const becomeSender: readonly Effect[] = [
  add("seq", 1),
  set("sender", arg("sender")),
  set("asked", 0),
  set("wakeAtMs", arg("wakeAtMs")),
  set("dueShard", arg("dueShard")),
];
const mine: Guard = equals("sender", arg("sender"));
/** Nobody asked to look again since the sender last looked. */
const unasked: Guard = equals("asked", 0);
const remember: Effect = set("sent", arg("sent"));
const blameless: readonly Effect[] = [remove("error"), remove("errorKind")];
const blame: readonly Effect[] = [set("error", arg("error")), set("errorKind", arg("errorKind"))];
const well: readonly Effect[] = [set("tries", 0), ...blameless, remove("isUnsure")];
const sleep: readonly Effect[] = [remove("wakeAtMs"), remove("dueShard")];

/** Every legal move of an outbox. None of them touches a run: a report can never change what it reports. */
export const outboxMoves = table("outbox", {
  bear: {
    doc: "Born with its run, or with the first report of a pull request.",
    from: "none",
    to: "pending",
    recorded: false,
  },
  take: {
    doc: "Somebody sends what changed. `wakeAtMs` is when others may think that they died of it.",
    from: ["pending"],
    to: "sending",
    guards: [equals("seq", arg("seq"))],
    effects: becomeSender,
    recorded: false,
  },
  takeOver: {
    doc: "The sender has not ended in its time.",
    from: ["sending"],
    to: "unchanged",
    guards: [equals("seq", arg("seq")), before("wakeAtMs", arg("nowMs"))],
    effects: [...becomeSender, add("tries", 1), set("isUnsure", true)],
    recorded: false,
  },
  ask: {
    doc: "Something changed while it is being sent: the sender is to look again.",
    from: ["sending"],
    to: "unchanged",
    guards: [equals("seq", arg("seq"))],
    effects: [add("asked", 1)],
    recorded: false,
  },
  again: {
    doc: "The sender was asked, and looks again.",
    from: ["sending"],
    to: "unchanged",
    guards: [mine],
    effects: [remember, set("asked", 0), set("wakeAtMs", arg("wakeAtMs"))],
    recorded: false,
  },
  settle: {
    doc: "All of it is sent, and more may come: sweep looks at `wakeAtMs`, should every hint be lost.",
    from: ["sending"],
    to: "pending",
    guards: [mine, unasked],
    effects: [remember, set("wakeAtMs", arg("wakeAtMs")), ...well],
    recorded: false,
  },
  rest: {
    doc: "All of it is sent, and nothing more comes by itself.",
    from: ["sending"],
    to: "pending",
    guards: [mine, unasked],
    effects: [remember, ...sleep, ...well],
    recorded: false,
  },
  postpone: {
    doc: "The forge did not take all of it; it is tried again at `wakeAtMs`.",
    from: ["sending"],
    to: "pending",
    guards: [mine],
    effects: [remember, add("tries", 1), set("wakeAtMs", arg("wakeAtMs")), ...blame],
    recorded: false,
  },
  finish: {
    doc: "The run has ended and all of it is sent.",
    from: ["sending"],
    to: "delivered",
    guards: [mine, unasked],
    effects: [remember, ...sleep, ...blameless, set("endedAtMs", arg("nowMs"))],
  },
  giveUp: {
    doc: "Nothing is to be shown any more, or the forge has failed for too long.",
    from: ["sending"],
    to: "given_up",
    guards: [mine],
    effects: [remember, ...sleep, ...blame, set("endedAtMs", arg("nowMs"))],
  },
  lapse: {
    doc: "The forge refuses a pull request's comment: it waits for the next report of one of its runs.",
    from: ["sending"],
    to: "pending",
    guards: [mine],
    effects: [remember, ...sleep, set("tries", 0), ...blame],
    recorded: false,
  },

  addPart: {
    doc: "A pipeline of the pull request has its first run.",
    from: ["pending", "sending"],
    to: "unchanged",
    guards: [absent("parts.$pipeline")],
    effects: [put("parts.$pipeline", arg("part")), set("ttl", arg("ttl"))],
    recorded: false,
  },
  replacePart: {
    doc: "A newer run of the pipeline takes the place of an older one.",
    from: ["pending", "sending"],
    to: "unchanged",
    guards: [before("parts.$pipeline.createdAtMs", arg("createdAtMs"))],
    effects: [put("parts.$pipeline", arg("part")), set("ttl", arg("ttl"))],
    recorded: false,
  },
});
