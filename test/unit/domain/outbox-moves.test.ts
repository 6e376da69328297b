import { describe, expect, test } from "vitest";
import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import { outboxMoves } from "../../../shared/domain/outbox-moves.ts";
import { NOW_MS, outboxArgs, outboxInState } from "../../support/items.ts";

describe("an outbox that is being sent", () => {
  const during = outboxInState("sending");
  const { addPart, replacePart, ask, take, takeOver, ...senders } = outboxMoves;

  test.each(Object.entries(senders).filter(([, move]) => move.from !== "none"))(
    "%s is its sender's alone",
    (_name, move) => {
      expect(interpretMove(move, during, outboxArgs())).toBeDefined();
      expect(interpretMove(move, during, outboxArgs({ sender: "another" }))).toBeUndefined();
    },
  );

  test("does not come to rest while somebody asks for another look", () => {
    const asked = interpretMove(ask, during, outboxArgs());
    for (const move of [outboxMoves.settle, outboxMoves.rest, outboxMoves.finish])
      expect(asked && interpretMove(move, asked, outboxArgs())).toBeUndefined();
    const again = asked && interpretMove(outboxMoves.again, asked, outboxArgs());
    expect(again && interpretMove(outboxMoves.settle, again, outboxArgs())).toMatchObject({ state: "pending" });
  });

  test("is not taken over before its sender's time is over, nor by who saw an older one", () => {
    expect(interpretMove(takeOver, during, outboxArgs())).toBeUndefined();
    const late = outboxInState("sending", { wakeAtMs: NOW_MS - 1 });
    expect(interpretMove(takeOver, late, outboxArgs({ seq: 2 }))).toBeUndefined();
    expect(interpretMove(takeOver, late, outboxArgs({ sender: "you" }))).toMatchObject({ sender: "you", seq: 4 });
    expect(interpretMove(take, outboxInState("pending"), outboxArgs({ seq: 2 }))).toBeUndefined();
  });

  test("an older run does not push a newer one out of the comment", () => {
    const newer = { parts: { new: { createdAtMs: NOW_MS } } };
    for (const move of [addPart, replacePart])
      expect(interpretMove(move, outboxInState("pending", newer), outboxArgs())).toBeUndefined();
  });
});
