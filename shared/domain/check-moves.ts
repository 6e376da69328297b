import { absent, add, after, arg, contains, equals, put, set, table } from "./move.ts";
import { endNodeEffects } from "./run-moves.ts";

export const CHECK_STATES = ["planning", "planned", "waiting", "final"] as const;

/** What a check answers. A lost contributor makes it `errored`: nobody knows. */
export const CHECK_OUTCOMES = ["passed", "failed", "errored"] as const;
export type CheckOutcome = (typeof CHECK_OUTCOMES)[number];

/** Every legal move of a named check. A job that names no check answers its own, which is a view and not an item. */
export const checkMoves = table("check", {
  bear: { doc: "Born with the jobs that will answer it.", from: "none", to: "waiting", recorded: false },
  bearFinal: { doc: "Born final: a rerun took over all of its jobs.", from: "none", to: "final", recorded: false },
  bearPlanning: { doc: "Born before anything is assigned to it.", from: "none", to: "planning", recorded: false },
  plan: { doc: "Its options are settled.", from: ["planning"], to: "planned" },
  await: { doc: "Jobs are assigned to it.", from: ["planned"], to: "waiting" },
  answer: {
    doc: "One of its jobs reports, once; others are still to come.",
    from: ["waiting"],
    to: "unchanged",
    guards: [absent("resolved.$source"), after("remaining", 1)],
    effects: [
      put("resolved.$source", arg("outcome")),
      add("remaining", -1),
      add("tally.failed", arg("failed")),
      add("tally.lost", arg("lost")),
    ],
    recorded: false,
  },
  answerLast: {
    doc: "The last of its jobs reports: the check is final. Nothing else can change the tally that was seen.",
    from: ["waiting"],
    to: "final",
    guards: [
      absent("resolved.$source"),
      equals("remaining", 1),
      equals("tally.failed", arg("failedBefore")),
      equals("tally.lost", arg("lostBefore")),
    ],
    effects: [
      put("resolved.$source", arg("outcome")),
      add("remaining", -1),
      add("tally.failed", arg("failed")),
      add("tally.lost", arg("lost")),
      set("outcome", arg("answer")),
      set("endedAtMs", arg("nowMs")),
    ],
  },
});

/** A plan wider than 64 nodes hangs its nodes on joins; a join is open in the run until its own set is empty. */
export const joinMoves = table("join", {
  bear: { doc: "Born with the nodes that hang on it.", from: "none", to: "open", recorded: false },
  endNode: {
    doc: "A node that hangs on it has ended.",
    from: ["open"],
    to: "unchanged",
    guards: [contains("open", arg("node"))],
    effects: endNodeEffects,
    recorded: false,
  },
});
