import { describe, expect, test } from "vitest";
import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import { chooseEntry, rankOf, statusMoves, worstEntry } from "../../../shared/domain/status-moves.ts";
import { NOW_MS, statusArgs, statusInState } from "../../support/items.ts";

const { addEntry, replaceEntry, updateEntry, takeOver, settle, again, release, dispute } = statusMoves;

describe("a status that is being sent", () => {
  const during = statusInState("sending");

  test.each([settle, again, release])("$name is its sender's alone", (move) => {
    expect(interpretMove(move, during, statusArgs())).toBeDefined();
    expect(interpretMove(move, during, statusArgs({ sender: "another" }))).toBeUndefined();
  });

  test("does not come to rest while an entry has changed", () => {
    const changed = interpretMove(addEntry, during, statusArgs());
    expect(changed && interpretMove(settle, changed, statusArgs())).toBeUndefined();
    expect(changed && interpretMove(settle, changed, statusArgs({ revision: 8 }))).toMatchObject({ state: "idle" });
  });

  test("is not taken over before its sender's time is over; then what the forge shows is unknown", () => {
    expect(interpretMove(takeOver, during, statusArgs())).toBeUndefined();
    const late = statusInState("sending", { untilMs: NOW_MS - 1 });
    expect(interpretMove(takeOver, late, statusArgs({ seq: 2 }))).toBeUndefined();
    const taken = interpretMove(takeOver, late, statusArgs({ sender: "you" }));
    expect(taken).toMatchObject({ sender: "you", seq: 4 });
    for (const item of [
      taken,
      interpretMove(release, during, statusArgs()),
      interpretMove(dispute, during, statusArgs()),
    ])
      expect(item?.["shown"]).not.toHaveProperty("digest");
  });
});

describe("the entry of a lane", () => {
  const of = (entry: { runId: string; order: string; version: number }) =>
    statusInState("idle", { entries: { new: entry } });

  test("is not replaced by an older run, nor by an older look at the same run", () => {
    const newest = of({ runId: "run_3", order: "3", version: 1 });
    const seen = of({ runId: "run_2", order: "2", version: 2 });
    for (const item of [newest, seen])
      for (const move of [addEntry, replaceEntry, updateEntry])
        expect(interpretMove(move, item, statusArgs())).toBeUndefined();
  });

  test("is chosen by its order and version", () => {
    const seen = { runId: "run_2", order: "2", version: 2 };
    expect(chooseEntry(undefined, seen)).toBe("addEntry");
    expect(chooseEntry({ ...seen, runId: "run_1", order: "1", version: 9 }, seen)).toBe("replaceEntry");
    expect(chooseEntry({ ...seen, version: 1 }, seen)).toBe("updateEntry");
    expect(chooseEntry(seen, seen)).toBeUndefined();
    expect(chooseEntry({ ...seen, runId: "run_3", order: "3" }, seen)).toBeUndefined();
  });

  test("is one of so many", () => {
    expect(interpretMove(addEntry, statusInState("idle", { lanes: 2 }), statusArgs())).toBeUndefined();
  });
});

test("the worst is what blocks most; of equal ones the newest", () => {
  const of = (state: "queued" | "in_progress" | "completed", conclusion?: string) => ({ state, conclusion });
  const ranks = [
    of("completed", "skipped"),
    of("completed", "neutral"),
    of("completed", "success"),
    of("in_progress"),
    of("queued"),
    of("completed", "action_required"),
    of("completed", "cancelled"),
    of("completed", "timed_out"),
    of("completed", "failure"),
    of("completed", "what a newer Baton says"),
  ].map(rankOf);
  expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
  const entries = {
    a: { ...of("completed", "success"), order: "1" },
    b: { ...of("completed", "failure"), order: "2" },
    c: { ...of("completed", "failure"), order: "3" },
    d: { ...of("queued"), order: "4" },
  };
  expect(worstEntry(entries)).toBe(entries.c);
  expect(worstEntry({})).toBeUndefined();
});
