import { describe, expect, test } from "vitest";
import { CHECK_STATES, checkMoves, joinMoves } from "../../../shared/domain/check-moves.ts";
import { DELIVERY_STATES, DELIVERY_TERMINAL, deliveryMoves } from "../../../shared/domain/delivery-moves.ts";
import {
  HEAD_STATES,
  HEADS_STATES,
  headMoves,
  headsMoves,
  sweepMoves,
  tagsMoves,
} from "../../../shared/domain/heads-moves.ts";
import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../../shared/domain/item.ts";
import { JOB_STATES, JOB_TERMINAL, jobMoves } from "../../../shared/domain/job-moves.ts";
import type { Move } from "../../../shared/domain/move.ts";
import { OUTBOX_STATES, OUTBOX_TERMINAL, outboxMoves } from "../../../shared/domain/outbox-moves.ts";
import { refMoves } from "../../../shared/domain/ref-moves.ts";
import { RUN_STATES, RUN_TERMINAL, runMoves } from "../../../shared/domain/run-moves.ts";
import { SCHEDULE_STATES, scheduleMoves } from "../../../shared/domain/schedule-moves.ts";
import { STATUS_STATES, statusMoves } from "../../../shared/domain/status-moves.ts";
import {
  checkArgs,
  checkInState,
  deliveryInState,
  jobArgs,
  jobInState,
  NOW_MS,
  outboxArgs,
  outboxInState,
  refInState,
  runArgs,
  runInState,
  statusArgs,
  statusInState,
  sweepArgs,
  sweptInState,
  triggerArgs,
} from "../../support/items.ts";

/** Written from DESIGN section 2 by hand, not from the data: from → to → the moves that may do it. */
type Machine = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

const JOB_MACHINE: Machine = {
  waiting: {
    waiting: ["resolve", "watch"],
    held: ["hold"],
    queued: ["enqueue"],
    skipped: ["skip"],
    canceled: ["cancel"],
  },
  held: { held: ["watch"], queued: ["admit"], canceled: ["cancel"] },
  queued: { queued: ["watch"], leased: ["claim"], canceled: ["cancel"], lost: ["abandon"] },
  leased: {
    leased: ["watch"],
    running: ["ack"],
    queued: ["release", "expire"],
    lost: ["releaseSpent", "expireSpent"],
    stopping: ["stop"],
  },
  running: {
    running: ["heartbeat", "watch"],
    succeeded: ["succeed"],
    failed: ["fail"],
    // ADR 6: the holder may itself end its attempt as timed out.
    timed_out: ["timeOut"],
    queued: ["retry", "release", "expire"],
    lost: ["releaseSpent", "expireSpent"],
    stopping: ["stop"],
  },
  stopping: {
    stopping: ["heartbeatStopping"],
    canceled: ["stoppedCancel", "stoppedSupersede", "expireCancel", "expireSupersede"],
    timed_out: ["stoppedTimeout", "expireTimeout"],
    queued: ["stoppedRetry", "expireTimeoutRetry"],
  },
};

const RUN_MACHINE: Machine = {
  planning: {
    live: ["commitPlan"],
    plan_failed: ["failPlan"],
    canceling: ["cancel", "supersede"],
    planning: ["approve", "keepPlace", "tick"],
  },
  live: {
    succeeded: ["succeed"],
    failed: ["fail"],
    errored: ["err"],
    timed_out: ["timeOut"],
    canceling: ["cancel", "supersede"],
    live: ["approve", "endNode", "keepPlace", "park", "tick"],
  },
  canceling: { canceled: ["finishCancel", "forceCancel"], canceling: ["endNode", "tick"] },
  // ADR 61: such a run may have been closed by its deadline, over jobs that go on.
  timed_out: { timed_out: ["forget", "seeOut"] },
  canceled: { canceled: ["forget", "seeOut"] },
};

const CHECK_MACHINE: Machine = {
  planning: { planned: ["plan"] },
  planned: { waiting: ["await"] },
  waiting: { waiting: ["answer"], final: ["answerLast"] },
};

const HEADS_MACHINE: Machine = {
  active: { active: ["doubt", "take", "settle", "postpone"], retired: ["retire"] },
  retired: { active: ["revive"] },
};

const HEAD_MACHINE: Machine = { seen: { seen: ["advance", "doubt"], gone: ["leave"] }, gone: { seen: ["advance"] } };

const TAGS_MACHINE: Machine = { kept: { kept: ["note", "retire"] } };

const SCHEDULE_MACHINE: Machine = {
  active: { active: ["take", "fire", "rewind"], retired: ["retire"] },
  retired: { active: ["revive"] },
};

const SWEEP_MACHINE: Machine = { kept: { kept: ["record"] } };

const JOIN_MACHINE: Machine = { open: { open: ["endNode"] } };

const DELIVERY_MACHINE: Machine = {
  received: { handled: ["handle"], ignored: ["ignore"], failed: ["fail"], received: ["postpone", "remind"] },
  ignored: { received: ["receiveAgain"] },
  failed: { received: ["receiveAgain"] },
};

const REF_MACHINE: Machine = { open: { open: ["advance", "close", "leave"] } };

const OUTBOX_MACHINE: Machine = {
  pending: { sending: ["take"], pending: ["addPart", "replacePart"] },
  sending: {
    sending: ["takeOver", "ask", "again", "addPart", "replacePart"],
    pending: ["settle", "rest", "postpone", "lapse"],
    delivered: ["finish"],
    given_up: ["giveUp"],
  },
};

const STATUS_ENTRIES = ["addEntry", "replaceEntry", "updateEntry", "dropEntry", "dispute"];
const STATUS_MACHINE: Machine = {
  idle: { idle: STATUS_ENTRIES, sending: ["take"] },
  sending: { sending: [...STATUS_ENTRIES, "takeOver", "again"], idle: ["settle", "release"] },
};

const STOPS = ["cancel", "superseded", "timeout"].map((reason) => ({ reason, atMs: 1, deadlineMs: NOW_MS + 50 }));
/** All that guards look at beside the state: reason of the stop, both budgets, an expired or a living lease. */
const jobVariants = (state: string): Item[] =>
  STOPS.flatMap((stop) =>
    [0, 1].flatMap((failed) =>
      [0, 1].flatMap((lost) =>
        [NOW_MS - 1, NOW_MS + 1].map((expiresAtMs) => {
          const item = jobInState(state, { stop, left: { failed, lost } });
          return { ...item, lease: { ...(item["lease"] as Item), expiresAtMs } };
        }),
      ),
    ),
  );
const runVariants = (state: string): Item[] =>
  [undefined, "digest"].flatMap((planDigest) =>
    [undefined, new Set(["JOB#a"])].flatMap((open) =>
      [0, 1].flatMap((failed) =>
        [0, 1].map((lost) => {
          const { open: _, ...bare } = runInState(state, { tally: { failed, lost } });
          return { ...bare, ...(open && { open }), ...(planDigest && { planDigest }) };
        }),
      ),
    ),
  );

const FAMILIES: readonly {
  name: string;
  moves: Readonly<Record<string, Move>>;
  states: readonly string[];
  terminal: readonly string[];
  machine: Machine;
  variants: (state: string) => Item[];
  args: Args;
}[] = [
  {
    name: "job",
    moves: jobMoves,
    states: JOB_STATES,
    terminal: JOB_TERMINAL,
    machine: JOB_MACHINE,
    variants: jobVariants,
    args: jobArgs(),
  },
  {
    name: "run",
    moves: runMoves,
    states: RUN_STATES,
    terminal: RUN_TERMINAL,
    machine: RUN_MACHINE,
    variants: runVariants,
    args: runArgs(),
  },
  {
    name: "check",
    moves: checkMoves,
    states: CHECK_STATES,
    terminal: ["final"],
    machine: CHECK_MACHINE,
    variants: (state) => [checkInState(state), checkInState(state, { remaining: 1 })],
    args: checkArgs(),
  },
  {
    name: "join",
    moves: joinMoves,
    states: ["open"],
    terminal: [],
    machine: JOIN_MACHINE,
    variants: (state) => [runInState(state)],
    args: runArgs(),
  },
  {
    name: "delivery",
    moves: deliveryMoves,
    states: DELIVERY_STATES,
    terminal: DELIVERY_TERMINAL,
    machine: DELIVERY_MACHINE,
    variants: (state) => [deliveryInState(state)],
    args: triggerArgs(),
  },
  {
    name: "ref",
    moves: refMoves,
    states: ["open"],
    terminal: [],
    machine: REF_MACHINE,
    variants: (state) => [refInState(state), refInState(state, { runs: { run_1: "b" } })],
    args: triggerArgs(),
  },
  {
    name: "outbox",
    moves: outboxMoves,
    states: OUTBOX_STATES,
    terminal: OUTBOX_TERMINAL,
    machine: OUTBOX_MACHINE,
    variants: (state) => [
      outboxInState(state),
      outboxInState(state, { wakeAtMs: NOW_MS - 1 }),
      outboxInState(state, { parts: { new: { createdAtMs: NOW_MS - 1 } } }),
    ],
    args: outboxArgs(),
  },
  {
    name: "status",
    moves: statusMoves,
    states: STATUS_STATES,
    terminal: [],
    machine: STATUS_MACHINE,
    variants: (state) => [
      statusInState(state),
      statusInState(state, { untilMs: NOW_MS - 1 }),
      statusInState(state, { entries: { new: { runId: "run_1", order: "1", version: 1 } } }),
      statusInState(state, { entries: { new: { runId: "run_2", order: "2", version: 1 } } }),
      statusInState(state, { entries: { new: { runId: "run_2", order: "2", version: 2 } } }),
    ],
    args: statusArgs(),
  },
  {
    name: "project's heads",
    moves: headsMoves,
    states: HEADS_STATES,
    terminal: [],
    machine: HEADS_MACHINE,
    variants: (state) => [sweptInState(state), sweptInState(state, { wakeAtMs: NOW_MS + 1 })],
    args: sweepArgs(),
  },
  {
    name: "head",
    moves: headMoves,
    states: HEAD_STATES,
    terminal: [],
    machine: HEAD_MACHINE,
    variants: (state) => [sweptInState(state), sweptInState(state, { sha: "c" })],
    args: sweepArgs(),
  },
  {
    name: "tags",
    moves: tagsMoves,
    states: ["kept"],
    terminal: [],
    machine: TAGS_MACHINE,
    variants: (state) => [sweptInState(state), sweptInState(state, { version: 2 })],
    args: sweepArgs(),
  },
  {
    name: "schedule",
    moves: scheduleMoves,
    states: SCHEDULE_STATES,
    terminal: [],
    machine: SCHEDULE_MACHINE,
    variants: (state) => [sweptInState(state), sweptInState(state, { dueAtMs: NOW_MS + 1 })],
    args: sweepArgs(),
  },
  {
    name: "sweep",
    moves: sweepMoves,
    states: ["kept"],
    terminal: [],
    machine: SWEEP_MACHINE,
    variants: (state) => [sweptInState(state)],
    args: sweepArgs(),
  },
];

describe.each(FAMILIES)("a $name", ({ moves, states, terminal, machine, variants, args }) => {
  const targets = (state: string, move: Move) => [
    ...new Set(variants(state).flatMap((item) => interpretMove(move, item, args)?.["state"] ?? [])),
  ];

  test.each(states)("in state %s makes exactly the moves of the design", (state) => {
    const legal = Object.entries(moves).flatMap(([name, move]) =>
      targets(state, move).map((to) => `${name}: ${state} → ${to}`),
    );
    const expected = Object.entries(machine[state] ?? {}).flatMap(([to, names]) =>
      names.map((name) => `${name}: ${state} → ${to}`),
    );
    expect(legal.toSorted()).toEqual(expected.toSorted());
  });

  test("that has ended is absorbing: no move changes it, but for when it is looked at", () => {
    const looks = ["tickSeq", "tickedAtMs", "wakeAtMs", "dueShard"];
    const withoutLooks = (item: Item) =>
      Object.fromEntries(Object.entries(item).filter(([key]) => !looks.includes(key)));
    for (const state of terminal) {
      for (const [name, move] of Object.entries(moves)) {
        for (const item of variants(state)) {
          const after = interpretMove(move, item, args);
          if (name !== "seeOut" && name !== "forget") expect(after).toBeUndefined();
          else if (after !== undefined) expect(withoutLooks(after)).toEqual(withoutLooks(item));
        }
      }
    }
  });

  test("makes no move where there is no item, and a birth is no update", () => {
    for (const move of Object.values(moves)) expect(interpretMove(move, undefined, args)).toBeUndefined();
    const births = Object.values(moves).filter((move) => move.from === "none");
    for (const birth of births) {
      for (const state of states)
        for (const item of variants(state)) expect(interpretMove(birth, item, args)).toBeUndefined();
    }
  });

  test("is not changed in place by a move", () => {
    for (const move of Object.values(moves)) {
      for (const item of states.flatMap(variants)) {
        const before = structuredClone(item);
        interpretMove(move, item, args);
        expect(item).toEqual(before);
      }
    }
  });
});

describe("fences and claims", () => {
  const byHolder = ["ack", "heartbeat", "heartbeatStopping", "succeed", "fail", "timeOut", "retry", "release"];
  const others = ["releaseSpent", "stoppedCancel", "stoppedSupersede", "stoppedTimeout", "stoppedRetry"];
  const fenced = [...byHolder, ...others, "claim", "stop", "expire", "expireSpent"];
  const expiries = ["expireCancel", "expireSupersede", "expireTimeout", "expireTimeoutRetry"];
  const moves: Readonly<Record<string, Move>> = jobMoves;
  const anyItem = JOB_STATES.flatMap(jobVariants);

  test.each([...fenced, ...expiries])("%s with another fence is refused in every state", (name) => {
    for (const fence of [2, 4])
      for (const item of anyItem)
        expect(interpretMove(moves[name] as Move, item, jobArgs({ fence, nextFence: fence + 1 }))).toBeUndefined();
  });

  test.each([...byHolder, ...others])("%s by another claim is refused in every state", (name) => {
    const claimId = "claim-of-somebody-else";
    for (const item of anyItem) expect(interpretMove(moves[name] as Move, item, jobArgs({ claimId }))).toBeUndefined();
  });

  test("only a claim changes the fence, by one", () => {
    for (const move of Object.values(moves)) {
      for (const item of anyItem) {
        const after = interpretMove(move, item, jobArgs());
        if (after !== undefined) expect(after["fence"]).toBe(move.name === "claim" ? 4 : 3);
      }
    }
  });

  test("a loss never spends the user's budget, nor a failure the budget of losses", () => {
    for (const move of Object.values(moves)) {
      for (const item of anyItem) {
        const after = interpretMove(move, item, jobArgs());
        if (after === undefined) continue;
        const [was, is] = [item["left"], after["left"]] as { failed: number; lost: number }[];
        const lost = ["release", "expire"].includes(move.name) ? 1 : 0;
        const failed = ["retry", "stoppedRetry", "expireTimeoutRetry"].includes(move.name) ? 1 : 0;
        expect(is, move.name).toEqual({ failed: (was?.failed ?? 0) - failed, lost: (was?.lost ?? 0) - lost });
        expect(Math.min(is?.failed ?? 0, is?.lost ?? 0)).toBeGreaterThanOrEqual(0);
      }
    }
  });
});
