import { ConditionalCheckFailedException } from "@aws-sdk/client-dynamodb";
import { PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TABLE_NAME } from "../../localstack/names.ts";
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
import { interpretMove } from "../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../shared/domain/item.ts";
import { JOB_STATES, jobMoves } from "../../shared/domain/job-moves.ts";
import type { Move } from "../../shared/domain/move.ts";
import { refMoves } from "../../shared/domain/ref-moves.ts";
import { RUN_STATES, runMoves } from "../../shared/domain/run-moves.ts";
import { SCHEDULE_STATES, scheduleMoves } from "../../shared/domain/schedule-moves.ts";
import { compileMove } from "../../shared/store/compile-move.ts";
import {
  checkArgs,
  checkInState,
  deliveryInState,
  jobArgs,
  jobInState,
  NOW_MS,
  refInState,
  runArgs,
  runInState,
  sweepArgs,
  sweptInState,
  triggerArgs,
} from "../support/items.ts";
import { startWorld, type World } from "../support/world.ts";

/** The interpreter is what simulator and model checker stand on: it must mean what the engine means. */

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

type Outcome =
  | { readonly kind: "applied"; readonly item: Item }
  | { readonly kind: "refused" }
  | { readonly kind: "invalid" };

let cases = 0;

/** What the engine makes of one move on one item, by exactly the expressions that the store sends. */
async function engineOutcome(move: Move, item: Item, args: Args): Promise<Outcome> {
  const Key = { pk: `case-${cases++}`, sk: "item" };
  await world.client.send(new PutCommand({ TableName: TABLE_NAME, Item: { ...item, ...Key } }));
  try {
    const answer = await world.client.send(
      new UpdateCommand({
        TableName: TABLE_NAME,
        Key,
        ...compileMove(move, args),
        ReturnValues: "ALL_NEW",
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      }),
    );
    return { kind: "applied", item: bare(answer.Attributes ?? {}) };
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) {
      expect(bare(unmarshall(error.Item ?? {})), "a refusal changes nothing").toEqual(item);
      return { kind: "refused" };
    }
    if (error instanceof Error && error.name === "ValidationException") return { kind: "invalid" };
    throw error;
  }
}

function interpreterOutcome(move: Move, item: Item, args: Args): Outcome {
  try {
    const next = interpretMove(move, item, args);
    return next === undefined ? { kind: "refused" } : { kind: "applied", item: next };
  } catch {
    return { kind: "invalid" };
  }
}

const bare = ({ pk: _pk, sk: _sk, ...rest }: Item): Item => rest;

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
const garbage = fc.constantFrom<unknown>("text", 7, true, ["JOB#a"], { claimId: 7 }, new Set(["JOB#a"]));

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
const joinItems = runItems.map((item) => ({ ...item, state: "open" }));

const updates = (moves: Readonly<Record<string, Move>>) => Object.values(moves).filter((move) => move.from !== "none");

const FAMILIES = [
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
  { family: "sweep", moves: updates(sweepMoves), items: sweptItems(["kept"]), args: sweptMoveArgs, rounds: 40 },
] as const;

/** Without the map, the embedded engine takes this for done, and DynamoDB refuses (localstack/KNOWN_GAPS.md). */
const shrinks = ({ effects }: Move, map: string) =>
  effects.some(({ kind, path }) => kind === "remove" && path.startsWith(`${map}.`));

/** Half of the items are in a state that the move may leave, so that its guards are what decides. */
const inPlace = (move: Move, item: Item, forced: boolean): Item =>
  forced && move.from !== "none" ? { ...item, state: move.from[0] } : item;

describe.each(FAMILIES)("moves of a $family", ({ moves, items, args, rounds }) => {
  test("mean the same to the interpreter and to the engine", async () => {
    const seen = { applied: 0, refused: 0, invalid: 0 };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...moves), items, args, fc.boolean(), async (move, drawn, moveArgs, forced) => {
        const item = inPlace(move, drawn, forced);
        const expected = interpreterOutcome(move, item, moveArgs);
        seen[expected.kind] += 1;
        expect(await engineOutcome(move, item, moveArgs)).toEqual(expected);
      }),
      { numRuns: rounds },
    );
    // The comparison is worth something only where both answers occurred.
    expect(Math.min(seen.applied, seen.refused)).toBeGreaterThan(rounds / 20);
  });

  test("mean the same on a corrupt item: one attribute is anything, or nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...moves),
        items,
        args,
        fc.option(garbage, { nil: undefined, freq: 3 }),
        fc.nat(),
        async (move, drawn, moveArgs, value, at) => {
          const item: Item = inPlace(move, drawn, true);
          // The engine itself keeps what an index is keyed by of one type.
          const keys = Object.keys(item).filter(
            (key) => key !== "wakeAtMs" && key !== "dueShard" && !shrinks(move, key),
          );
          const { [keys[at % keys.length] ?? ""]: _, ...rest } = item;
          const corrupt = value === undefined ? rest : { ...rest, [keys[at % keys.length] ?? ""]: value };
          expect(await engineOutcome(move, corrupt, moveArgs)).toEqual(interpreterOutcome(move, corrupt, moveArgs));
        },
      ),
      { numRuns: Math.ceil(rounds / 3) },
    );
  });
});

describe("a caller that lies", () => {
  const everyState = {
    job: JOB_STATES,
    run: RUN_STATES,
    check: CHECK_STATES,
    join: ["open", "closed"],
    delivery: DELIVERY_STATES,
    ref: ["open", "closed"],
    heads: HEADS_STATES,
    head: HEAD_STATES,
    tags: ["kept", "gone"],
    schedule: SCHEDULE_STATES,
    sweep: ["kept", "gone"],
  } as const;
  const inState = {
    job: jobInState,
    run: runInState,
    check: checkInState,
    join: runInState,
    delivery: deliveryInState,
    ref: refInState,
    heads: sweptInState,
    head: sweptInState,
    tags: sweptInState,
    schedule: sweptInState,
    sweep: sweptInState,
  } as const;
  const argsOf = {
    job: jobArgs(),
    run: runArgs(),
    check: checkArgs(),
    join: runArgs(),
    delivery: triggerArgs(),
    ref: triggerArgs(),
    heads: sweepArgs(),
    head: sweepArgs(),
    tags: sweepArgs(),
    schedule: sweepArgs(),
    sweep: sweepArgs(),
  } as const;

  test.each(FAMILIES)("cannot move a $family out of a state that the row does not name", async ({ family, moves }) => {
    await Promise.all(
      moves.flatMap((move) =>
        everyState[family]
          .filter((state) => !move.from.includes(state))
          .map(async (state) => {
            const outcome = await engineOutcome(move, inState[family](state), argsOf[family]);
            expect(outcome.kind, `${move.name} in ${state}`).toBe("refused");
          }),
      ),
    );
  });

  const held = ["ack", "heartbeat", "heartbeatStopping", "succeed", "fail", "timeOut", "retry"] as const;
  const ended = [
    "release",
    "releaseSpent",
    "stoppedCancel",
    "stoppedSupersede",
    "stoppedTimeout",
    "stoppedRetry",
  ] as const;
  const willing = (move: Move) => {
    const reason = move.guards.find((guard) => guard.path === "stop.reason");
    const left = move.guards.flatMap((guard) => (guard.path.startsWith("left.") && guard.kind === "after" ? 1 : []));
    const stop = {
      reason: reason !== undefined && "value" in reason ? reason.value : "cancel",
      deadlineMs: NOW_MS + 50,
    };
    return jobInState(String(move.from[0]), { stop, left: { failed: left.length, lost: left.length } });
  };

  test.each([...held, ...ended])("with another fence or another claim cannot make the move %s", async (name) => {
    const move = jobMoves[name];
    expect((await engineOutcome(move, willing(move), jobArgs())).kind).toBe("applied");
    for (const lie of [{ fence: 2 }, { fence: 4 }, { claimId: "claim-of-somebody-else" }])
      expect((await engineOutcome(move, willing(move), jobArgs(lie))).kind, JSON.stringify(lie)).toBe("refused");
  });

  test.each(held)("cannot make the move %s on an expired lease", async (name) => {
    const move = jobMoves[name];
    const item = willing(move);
    for (const expiresAtMs of [NOW_MS - 1, NOW_MS]) {
      const expired = { ...item, lease: { ...(item["lease"] as Item), expiresAtMs } };
      expect((await engineOutcome(move, expired, jobArgs())).kind).toBe("refused");
    }
  });
});
