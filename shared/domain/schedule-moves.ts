import { add, arg, equals, remove, set, table } from "./move.ts";

export const SCHEDULE_STATES = ["active", "retired"] as const;

/**
 * One cron line of one pipeline. `dueAtMs` is the due time that is to fire next, or is firing; the run's key is made of
 * it. `wakeAtMs` is when sweep looks at the schedule: the due time, or the next try.
 */
export const scheduleMoves = table("schedule", {
  bear: { doc: "The default branch's definitions have this line.", from: "none", to: "active", recorded: false },
  take: {
    doc: "One sweep fires the latest due time; those before it that were missed are counted. Where that sweep dies, another tries at `wakeAtMs`.",
    from: ["active"],
    to: "unchanged",
    guards: [equals("wakeAtMs", arg("seenWakeAtMs"))],
    effects: [
      set("dueAtMs", arg("dueAtMs")),
      set("wakeAtMs", arg("wakeAtMs")),
      add("skipped", arg("skipped")),
      add("tries", 1),
    ],
    recorded: false,
  },
  fire: {
    doc: "What was due has started: the next due time.",
    from: ["active"],
    to: "unchanged",
    guards: [equals("dueAtMs", arg("dueAtMs"))],
    effects: [
      set("dueAtMs", arg("nextDueAtMs")),
      set("wakeAtMs", arg("nextDueAtMs")),
      set("firedAtMs", arg("nowMs")),
      set("tries", 0),
    ],
    recorded: false,
  },
  rewind: {
    doc: "Its times lie further ahead than any due time from now: the clock had been wrong. It is counted from now.",
    from: ["active"],
    to: "unchanged",
    guards: [equals("wakeAtMs", arg("seenWakeAtMs"))],
    effects: [set("dueAtMs", arg("dueAtMs")), set("wakeAtMs", arg("dueAtMs")), set("tries", 0)],
  },
  retire: {
    doc: "The line, its project or its repository is gone, or it never comes due again.",
    from: ["active"],
    to: "retired",
    effects: [remove("wakeAtMs"), remove("dueShard"), set("ttl", arg("ttl"))],
  },
  revive: {
    doc: "The line is back. What came due in between is not made up for.",
    from: ["retired"],
    to: "active",
    effects: [
      set("dueAtMs", arg("dueAtMs")),
      set("wakeAtMs", arg("dueAtMs")),
      set("dueShard", arg("dueShard")),
      set("tries", 0),
      remove("ttl"),
    ],
  },
});
