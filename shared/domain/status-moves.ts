import { absent, add, arg, before, type Effect, equals, type Guard, put, remove, set, table } from "./move.ts";

/**
 * What a forge shows under one name at one commit. Several runs may answer under it (branches, pull requests, schedules);
 * each has an entry of its own, the worst of them is shown, and one sender at a time shows it.
 */
export const STATUS_STATES = ["idle", "sending"] as const;

const isSender: Guard = equals("sender", arg("sender"));
/** No entry changed since they were read, and nobody disputed what is shown. */
const unchanged: Guard = equals("revision", arg("revision"));
const enter: readonly Effect[] = [put("entries.$lane", arg("entry")), add("revision", 1), set("ttl", arg("ttl"))];
const becomeSender: readonly Effect[] = [add("seq", 1), set("sender", arg("sender")), set("untilMs", arg("untilMs"))];
/** The forge may show anything that was ever sent. */
const doubt: Effect = remove("shown.digest");

/** Every legal move of a status. `lane` names what an entry's runs have in common: file, event and ref. */
export const statusMoves = table("status", {
  create: {
    doc: "Created with the entry of the first run that reports under this name.",
    from: "none",
    to: "idle",
    recorded: false,
  },
  addEntry: {
    doc: "A run of another lane reports under the name.",
    from: ["idle", "sending"],
    to: "unchanged",
    guards: [absent("entries.$lane"), before("lanes", arg("lanesMax"))],
    effects: [...enter, add("lanes", 1)],
    recorded: false,
  },
  replaceEntry: {
    doc: "A newer run of the lane, a rerun for one, takes the place of an older one. `order` sorts runs by their creation.",
    from: ["idle", "sending"],
    to: "unchanged",
    guards: [before("entries.$lane.order", arg("order"))],
    effects: enter,
    recorded: false,
  },
  updateEntry: {
    doc: "The lane's run has changed. `version` grows with each look at the run, so that no late report puts an older look back.",
    from: ["idle", "sending"],
    to: "unchanged",
    guards: [equals("entries.$lane.runId", arg("runId")), before("entries.$lane.version", arg("version"))],
    effects: enter,
    recorded: false,
  },
  dropEntry: {
    doc: "The name has all the lanes that it may have: one whose run has passed makes room.",
    from: ["idle", "sending"],
    to: "unchanged",
    guards: [equals("entries.$lane.runId", arg("runId")), equals("entries.$lane.version", arg("version"))],
    effects: [remove("entries.$lane"), add("lanes", -1), add("revision", 1)],
    recorded: false,
  },

  take: {
    doc: "Somebody sends the worst entry. From `untilMs` on, others may take the sender for dead.",
    from: ["idle"],
    to: "sending",
    guards: [equals("seq", arg("seq"))],
    effects: becomeSender,
    recorded: false,
  },
  takeOver: {
    doc: "The sender has not ended in its time, and what it sent is unknown.",
    from: ["sending"],
    to: "unchanged",
    guards: [equals("seq", arg("seq")), before("untilMs", arg("nowMs"))],
    effects: [...becomeSender, doubt],
    recorded: false,
  },
  settle: {
    doc: "The forge shows the worst of all entries.",
    from: ["sending"],
    to: "idle",
    guards: [isSender, unchanged],
    effects: [set("shown", arg("shown"))],
    recorded: false,
  },
  again: {
    doc: "An entry changed, or was disputed, while the sender was at work: it looks once more.",
    from: ["sending"],
    to: "unchanged",
    guards: [isSender, unchanged],
    effects: [set("shown", arg("shown")), set("untilMs", arg("untilMs"))],
    recorded: false,
  },
  release: {
    doc: "The forge did not take it, or its answer was lost: what it shows is unknown.",
    from: ["sending"],
    to: "idle",
    guards: [isSender],
    effects: [doubt],
    recorded: false,
  },
  dispute: {
    doc: "A sender that was taken for dead has sent after all, perhaps after its successor: what the forge shows is unknown.",
    from: ["idle", "sending"],
    to: "unchanged",
    guards: [],
    effects: [doubt, add("revision", 1), add("disputes", 1)],
    recorded: false,
  },
});

/** What an entry is compared by. */
export interface Standing {
  readonly state: "queued" | "in_progress" | "completed";
  readonly conclusion?: string | undefined;
}

/** From the best to the worst. What has not ended blocks a merge, so it is worse than all that lets one through. */
const RANKS = [
  "skipped",
  "neutral",
  "success",
  "in_progress",
  "queued",
  "action_required",
  "cancelled",
  "timed_out",
  "failure",
];

/** The greater, the worse. A conclusion that nobody knows is as bad as any. */
export function rankOf({ state, conclusion }: Standing): number {
  const rank = RANKS.indexOf(state === "completed" ? (conclusion ?? "") : state);
  return rank < 0 ? RANKS.length : rank;
}

/** The worst entry, of equal ones that of the newest run; undefined where there is none. */
export function worstEntry<E extends Standing & { readonly order: string }>(
  entries: Readonly<Record<string, E>>,
): E | undefined {
  return Object.values(entries).reduce<E | undefined>((worst, entry) => {
    if (worst === undefined) return entry;
    const difference = rankOf(entry) - rankOf(worst);
    return difference > 0 || (difference === 0 && entry.order > worst.order) ? entry : worst;
  }, undefined);
}

interface EntryOrder {
  readonly runId: string;
  readonly order: string;
  readonly version: number;
}

/** The move by which a run's look joins a status; undefined where a newer run, or a newer look, is there. */
export function chooseEntry(
  entry: EntryOrder | undefined,
  seen: EntryOrder,
): "addEntry" | "replaceEntry" | "updateEntry" | undefined {
  if (entry === undefined) return "addEntry";
  if (entry.order < seen.order) return "replaceEntry";
  return entry.runId === seen.runId && entry.version < seen.version ? "updateEntry" : undefined;
}
