import { ConditionalCheckFailedException } from "@aws-sdk/client-dynamodb";
import { PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TABLE_NAME } from "../../localstack/names.ts";
import { CHECK_STATES } from "../../shared/domain/check-moves.ts";
import { DELIVERY_STATES } from "../../shared/domain/delivery-moves.ts";
import { HEAD_STATES, HEADS_STATES } from "../../shared/domain/heads-moves.ts";
import { interpretMove } from "../../shared/domain/interpret-move.ts";
import type { Args, Item } from "../../shared/domain/item.ts";
import { JOB_STATES, jobMoves } from "../../shared/domain/job-moves.ts";
import type { Move } from "../../shared/domain/move.ts";
import { OUTBOX_STATES } from "../../shared/domain/outbox-moves.ts";
import { RUN_STATES } from "../../shared/domain/run-moves.ts";
import { SCHEDULE_STATES } from "../../shared/domain/schedule-moves.ts";
import { STATUS_STATES } from "../../shared/domain/status-moves.ts";
import { compileMove } from "../../shared/store/compile-move.ts";
import { FAMILIES, garbage } from "../support/arbitrary-items.ts";
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
    outbox: OUTBOX_STATES,
    status: STATUS_STATES,
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
    outbox: outboxInState,
    status: statusInState,
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
    outbox: outboxArgs(),
    status: statusArgs(),
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
