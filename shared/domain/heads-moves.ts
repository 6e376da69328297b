import { add, arg, before, equals, remove, set, table } from "./move.ts";

/** What sweep keeps of a project's repository, so that it sees what no webhook told (docs/ARCHITECTURE.md, "Nothing missed"). */

export const HEADS_STATES = ["active", "retired"] as const;

const taken = equals("wakeAtMs", arg("seenWakeAtMs"));
const wakeAgain = set("wakeAtMs", arg("wakeAtMs"));

/** One project's comparison with its forge. Born after the project's heads: only then is its first sight complete. */
export const headsMoves = table("heads", {
  bear: {
    doc: "The project's heads were seen for the first time: nothing starts.",
    from: "none",
    to: "active",
    recorded: false,
  },
  take: {
    doc: "A sweep compares the project: no other does until `wakeAtMs`, whatever becomes of this one.",
    from: ["active"],
    to: "unchanged",
    guards: [taken],
    effects: [wakeAgain, add("doubts", 0)],
    recorded: false,
  },
  doubt: {
    doc: "A push has superseded a run: the next list is compared whole, and what a sweep was shown before this counts no more.",
    from: ["active"],
    to: "unchanged",
    effects: [set("etag", ""), add("doubts", 1)],
    recorded: false,
  },
  settle: {
    doc: "All that the forge's answers told is handled; their marks (`etag`, `tagsEtag`) are kept only now.",
    from: ["active"],
    to: "unchanged",
    guards: [taken, equals("doubts", arg("doubts"))],
    effects: [
      set("etag", arg("etag")),
      set("listedAtMs", arg("listedAtMs")),
      set("isCut", arg("isCut")),
      set("schedulesSha", arg("schedulesSha")),
      set("tagsEtag", arg("tagsEtag")),
      set("tagsListedAtMs", arg("tagsListedAtMs")),
      set("failures", 0),
      remove("error"),
      wakeAgain,
    ],
    recorded: false,
  },
  postpone: {
    doc: "The forge failed, or time ran out. What was handled is kept; the rest comes again at `wakeAtMs`.",
    from: ["active"],
    to: "unchanged",
    guards: [taken],
    effects: [wakeAgain, add("failures", arg("failures")), set("error", arg("error"))],
    recorded: false,
  },
  retire: {
    doc: "The project is gone, or has another repository now.",
    from: ["active"],
    to: "retired",
    effects: [remove("wakeAtMs"), remove("dueShard"), set("ttl", arg("ttl"))],
  },
  revive: {
    doc: "The project has its old repository again: its heads were seen anew, and nothing starts.",
    from: ["retired"],
    to: "active",
    effects: [
      set("wakeAtMs", arg("wakeAtMs")),
      set("dueShard", arg("dueShard")),
      set("etag", ""),
      set("tagsEtag", ""),
      set("tagsListedAtMs", arg("tagsListedAtMs")),
      set("schedulesSha", ""),
      set("failures", 0),
      remove("ttl"),
    ],
  },
});

export const HEAD_STATES = ["seen", "gone"] as const;

/** One branch or open pull request: the commit up to which everything was started that should have been. */
export const headMoves = table("head", {
  bear: { doc: "Seen for the first time.", from: "none", to: "seen", recorded: false },
  advance: {
    doc: "What this commit starts was started, by whatever told of it.",
    from: ["seen", "gone"],
    to: "seen",
    guards: [equals("sha", arg("seenSha"))],
    effects: [set("sha", arg("sha")), remove("ttl")],
    recorded: false,
  },
  doubt: {
    doc: "A push to it has superseded a run: whatever the next list shows of it is compared.",
    from: ["seen"],
    to: "unchanged",
    effects: [set("sha", arg("doubt"))],
    recorded: false,
  },
  leave: {
    doc: "The branch was deleted, or the pull request is closed, and what that cancels is canceled.",
    from: ["seen"],
    to: "gone",
    guards: [equals("sha", arg("seenSha"))],
    effects: [set("ttl", arg("ttl"))],
    recorded: false,
  },
});

/** A share of a repository's tags: those for which everything was started that should have been, as digests. */
export const tagsMoves = table("tags", {
  bear: { doc: "Tags of this share were seen for the first time.", from: "none", to: "kept", recorded: false },
  note: {
    doc: "What the new ones of these tags start was started, by whatever told of it.",
    from: ["kept"],
    to: "unchanged",
    guards: [equals("version", arg("seenVersion"))],
    effects: [set("seen", arg("seen")), add("version", 1), remove("ttl")],
    recorded: false,
  },
  retire: {
    doc: "The project is gone, or has another repository now.",
    from: ["kept"],
    to: "unchanged",
    guards: [equals("version", arg("seenVersion"))],
    effects: [set("ttl", arg("ttl")), add("version", 1)],
    recorded: false,
  },
});

/** The last sweep of a tenant, for people who ask whether it lives. */
export const sweepMoves = table("sweep", {
  bear: { doc: "The first sweep.", from: "none", to: "kept", recorded: false },
  record: {
    doc: "A sweep has ended; one that began earlier does not write over it.",
    from: ["kept"],
    to: "unchanged",
    guards: [before("startedAtMs", arg("startedAtMs"))],
    effects: [
      set("startedAtMs", arg("startedAtMs")),
      set("endedAtMs", arg("nowMs")),
      set("failedParts", arg("failedParts")),
    ],
    recorded: false,
  },
});
