import fc from "fast-check";
import { CHECK_STATES, checkMoves, joinMoves } from "../../shared/domain/check-moves.ts";
import { DELIVERY_STATES, deliveryMoves } from "../../shared/domain/delivery-moves.ts";
import {
  HEAD_STATES,
  HEADS_STATES,
  headMoves,
  headsMoves,
  sweepMoves,
  tagsMoves,
} from "../../shared/domain/heads-moves.ts";
import type { Item } from "../../shared/domain/item.ts";
import { JOB_STATES, jobMoves } from "../../shared/domain/job-moves.ts";
import type { Move } from "../../shared/domain/move.ts";
import { OUTBOX_STATES, outboxMoves } from "../../shared/domain/outbox-moves.ts";
import { refMoves } from "../../shared/domain/ref-moves.ts";
import { RUN_STATES, runMoves } from "../../shared/domain/run-moves.ts";
import { SCHEDULE_STATES, scheduleMoves } from "../../shared/domain/schedule-moves.ts";
import { STATUS_STATES, statusMoves } from "../../shared/domain/status-moves.ts";
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
} from "./items.ts";

/** Items and arguments of every family of moves, at random. */

/** Times around now, so that equal and adjacent ones are common. */
const timeMs = fc.integer({ min: NOW_MS - 2, max: NOW_MS + 2 });
const smallCount = fc.integer({ min: 0, max: 2 });
const claim = fc.constantFrom("claim-0123456789abcdef", "claim-fedcba9876543210");
const name = fc.constantFrom("a", "b", "other", "constructor", "x.y", "__proto");
const outcome = fc.constantFrom("passed", "failed", "lost");
const nodes = fc
  .uniqueArray(fc.constantFrom("JOB#a", "JOB#b", "CHECK#c"), { minLength: 1, maxLength: 3 })
  .map((members) => new Set(members));
/** Mostly there, sometimes absent. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 5 });
const optional = (entries: Record<string, fc.Arbitrary<unknown>>) =>
  fc
    .record(Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, maybe(value)])))
    .map(withoutUndefined);
/** What no codec lets in, but a corrupt table may hold. Not NULL: there the embedded engine makes a map of it, and DynamoDB refuses. */
export const garbage = fc.constantFrom<unknown>("text", 7, true, ["JOB#a"], { claimId: 7 }, new Set(["JOB#a"]));

function withoutUndefined(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));
}

const lease = optional({ claimId: claim, runnerId: fc.constant("rnr_1"), expiresAtMs: timeMs });
const tally = fc.record({ failed: smallCount, lost: smallCount });
const jobItems = fc
  .record({
    state: fc.constantFrom(...JOB_STATES),
    change: optional({
      fence: fc.integer({ min: 2, max: 4 }),
      pool: fc.constantFrom("default", "gpu"),
      lease,
      stop: optional({ reason: fc.constantFrom("cancel", "superseded", "timeout"), deadlineMs: timeMs }),
      left: fc.record({ failed: smallCount, lost: smallCount }),
      resolved: fc.dictionary(name, outcome, { noNullPrototype: true }),
      attempts: fc.dictionary(fc.constantFrom("2", "3", "4"), fc.record({ claimId: fc.constant("c") }), {
        noNullPrototype: true,
      }),
      history: fc.constant({ "2.claim": { atMs: 1, actor: "a" } }),
      queueDeadlineMs: timeMs,
      runDeadlineMs: timeMs,
      watchedUntilMs: timeMs,
      phase: fc.constant("starting"),
    }),
  })
  .map(({ state, change }) => ({ ...jobInState(state), ...change }));
const jobMoveArgs = fc
  .record({
    nowMs: timeMs,
    fence: fc.integer({ min: 2, max: 4 }),
    claimId: claim,
    pool: fc.constantFrom("default", "gpu"),
    source: name,
    outcome,
    newExpiryMs: timeMs,
    stopDeadlineMs: timeMs,
    watchedUntilMs: timeMs,
  })
  .map((change) => jobArgs({ ...change, nextFence: change.fence + 1 }));
const runItems = fc
  .record({
    state: fc.constantFrom(...RUN_STATES),
    absent: fc.subarray(["open", "tally", "wakeAtMs", "dueShard", "history"], { maxLength: 2 }),
    change: optional({
      open: nodes,
      tally,
      tickSeq: smallCount,
      planDigest: fc.constant("digest"),
      hardDeadlineMs: timeMs,
    }),
  })
  .map(({ state, change, absent }) => {
    const item: Item = { ...runInState(state), ...change };
    for (const key of absent) delete item[key];
    return item;
  });
const runMoveArgs = fc
  .record({
    nowMs: timeMs,
    node: fc.constantFrom("JOB#a", "JOB#b", "JOB#z"),
    seq: smallCount,
    open: nodes,
    failed: smallCount,
  })
  .map((change) => runArgs(change));
const checkItems = fc
  .record({
    state: fc.constantFrom(...CHECK_STATES),
    change: optional({
      remaining: smallCount,
      tally,
      resolved: fc.dictionary(name, outcome, { noNullPrototype: true }),
    }),
  })
  .map(({ state, change }) => ({ ...checkInState(state), ...change }));
const checkMoveArgs = fc
  .record({
    source: name,
    outcome,
    failed: smallCount,
    lost: smallCount,
    failedBefore: smallCount,
    lostBefore: smallCount,
  })
  .map((change) => checkArgs(change));
const sweptItems = (states: readonly string[]) =>
  fc
    .record({
      state: fc.constantFrom(...states),
      change: optional({
        wakeAtMs: timeMs,
        dueAtMs: timeMs,
        sha: fc.constantFrom("b", "c"),
        failures: smallCount,
        skipped: smallCount,
        tries: smallCount,
        startedAtMs: smallCount,
        version: smallCount,
        ttl: smallCount,
        error: fc.constant("an error"),
      }),
    })
    .map(({ state, change }) => sweptInState(state, change));
const sweptMoveArgs = fc
  .record({
    nowMs: timeMs,
    seenWakeAtMs: timeMs,
    dueAtMs: timeMs,
    seenSha: fc.constantFrom("b", "c"),
    startedAtMs: smallCount,
    seenVersion: smallCount,
  })
  .map((change) => sweepArgs(change));
const deliveryItems = fc
  .record({
    state: fc.constantFrom(...DELIVERY_STATES),
    absent: fc.subarray(["wakeAtMs", "dueShard", "fence"], { maxLength: 2 }),
    change: optional({
      fence: smallCount,
      reason: fc.constant("an older reason"),
      endedAtMs: timeMs,
      wakeAtMs: timeMs,
    }),
  })
  .map(({ state, change, absent }) => {
    const item: Item = { ...deliveryInState(state), ...change };
    for (const key of absent) delete item[key];
    return item;
  });
const refItems = optional({
  latestAtMs: timeMs,
  latestSha: fc.constantFrom("b", "c"),
  runs: fc.dictionary(name, fc.constantFrom("b", "c"), { noNullPrototype: true }),
}).map((change) => refInState("open", change));
const triggerMoveArgs = fc
  .record({
    nowMs: timeMs,
    fence: smallCount,
    runId: name,
    seenSha: fc.constantFrom("b", "c"),
    seenAtMs: timeMs,
    seenWakeAtMs: timeMs,
  })
  .map((change) => triggerArgs({ ...change, nextFence: change.fence + 1 }));
const sender = fc.constantFrom("me", "you");
const part = (createdAtMs: fc.Arbitrary<number>) => fc.record({ createdAtMs });
const outboxItems = fc
  .record({
    state: fc.constantFrom(...OUTBOX_STATES),
    change: optional({
      seq: smallCount,
      sender,
      asked: smallCount,
      tries: smallCount,
      wakeAtMs: timeMs,
      error: fc.constant("an error"),
      parts: fc.dictionary(fc.constantFrom("new", "old"), part(timeMs), { noNullPrototype: true }),
    }),
  })
  .map(({ state, change }) => outboxInState(state, change));
const outboxMoveArgs = fc
  .record({ nowMs: timeMs, seq: smallCount, sender, createdAtMs: timeMs })
  .map((change) => outboxArgs({ ...change, part: { createdAtMs: change.createdAtMs } }));
const order = fc.constantFrom("1", "2");
const entryOf = fc.record({ runId: fc.constantFrom("run_1", "run_2"), order, version: smallCount });
const statusItems = fc
  .record({
    state: fc.constantFrom(...STATUS_STATES),
    change: optional({
      seq: smallCount,
      sender,
      untilMs: timeMs,
      revision: smallCount,
      lanes: smallCount,
      entries: fc.dictionary(fc.constantFrom("new", "old"), entryOf, { noNullPrototype: true }),
    }),
  })
  .map(({ state, change }) => statusInState(state, change));
const statusMoveArgs = fc
  .record({
    nowMs: timeMs,
    seq: smallCount,
    sender,
    revision: smallCount,
    lanesMax: smallCount,
    order,
    version: smallCount,
    runId: fc.constantFrom("run_1", "run_2"),
    lane: fc.constantFrom("new", "old"),
  })
  .map((change) => statusArgs(change));
const joinItems = runItems.map((item) => ({ ...item, state: "open" }));

const updates = (moves: Readonly<Record<string, Move>>) => Object.values(moves).filter((move) => move.from !== "none");

export const FAMILIES = [
  { family: "job", moves: updates(jobMoves), items: jobItems, args: jobMoveArgs, rounds: 550 },
  { family: "run", moves: updates(runMoves), items: runItems, args: runMoveArgs, rounds: 250 },
  { family: "check", moves: updates(checkMoves), items: checkItems, args: checkMoveArgs, rounds: 120 },
  { family: "join", moves: updates(joinMoves), items: joinItems, args: runMoveArgs, rounds: 50 },
  { family: "delivery", moves: updates(deliveryMoves), items: deliveryItems, args: triggerMoveArgs, rounds: 60 },
  { family: "ref", moves: updates(refMoves), items: refItems, args: triggerMoveArgs, rounds: 60 },
  { family: "heads", moves: updates(headsMoves), items: sweptItems(HEADS_STATES), args: sweptMoveArgs, rounds: 80 },
  { family: "head", moves: updates(headMoves), items: sweptItems(HEAD_STATES), args: sweptMoveArgs, rounds: 50 },
  { family: "tags", moves: updates(tagsMoves), items: sweptItems(["kept"]), args: sweptMoveArgs, rounds: 40 },
  {
    family: "schedule",
    moves: updates(scheduleMoves),
    items: sweptItems(SCHEDULE_STATES),
    args: sweptMoveArgs,
    rounds: 80,
  },
  { family: "outbox", moves: updates(outboxMoves), items: outboxItems, args: outboxMoveArgs, rounds: 120 },
  { family: "status", moves: updates(statusMoves), items: statusItems, args: statusMoveArgs, rounds: 150 },
  { family: "sweep", moves: updates(sweepMoves), items: sweptItems(["kept"]), args: sweptMoveArgs, rounds: 40 },
] as const;
