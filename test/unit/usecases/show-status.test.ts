import { expect, test } from "vitest";
import { STATUS_DETAILED_MAX, STATUS_LANES_MAX } from "../../../shared/domain/limits.ts";
import type { Shown, StatusEntry } from "../../../shared/store/report-items.ts";
import { type Picture, placeOf, shownAlready } from "../../../shared/usecases/status-picture.ts";
import { makeStatusWorld } from "../../model/statuses/status-world.ts";

const entry = (at: number, conclusion: string): StatusEntry => {
  const runId = `run_${String(at).padStart(4, "0")}`;
  return { runId, order: runId, version: 1, state: "completed", conclusion, title: runId, about: "", digest: runId };
};

test("case C1: of more runs at one commit than a status holds, passed ones make room, and the failure stays", async () => {
  const world = makeStatusWorld("checks", 1, "none");
  await world.retry("bad", entry(0, "failure"), false);
  for (let at = 1; at < STATUS_LANES_MAX + 20; at += 1) await world.retry(`lane ${at}`, entry(at, "success"), false);
  expect(world.shown()?.conclusion).toBe("failure");
  expect(world.item()?.lanes).toBe(STATUS_LANES_MAX);
  expect(Object.keys(world.item()?.entries ?? {})).toHaveLength(STATUS_LANES_MAX);
  await world.retry("late", entry(999, "failure"), false);
  expect(Object.keys(world.item()?.entries ?? {})).toContain("late");
});

test("case C1: where none of them has passed, the next is refused, and says why", async () => {
  const world = makeStatusWorld("checks", 1, "none");
  for (let at = 0; at < STATUS_LANES_MAX; at += 1) await world.retry(`lane ${at}`, entry(at, "failure"), false);
  await expect(world.retry("next", entry(999, "failure"), false)).rejects.toThrow(/100 other runs report/);
});

test("case C9: of commit statuses, late ones are sent only where the result differs; of check runs every change is", () => {
  const shown: Shown = { digest: "old", isCompleted: true, word: "success", sends: STATUS_DETAILED_MAX };
  const picture = (change: Partial<Picture>): Picture => ({
    worst: entry(1, "success"),
    digest: "new",
    isCompleted: true,
    word: "success",
    isAppended: true,
    ...change,
  });
  expect(shownAlready(picture({}), shown)).toBe(true);
  expect(shownAlready(picture({ word: "pending", isCompleted: false }), shown)).toBe(true);
  expect(shownAlready(picture({ word: "failure" }), shown)).toBe(false);
  expect(shownAlready(picture({}), { ...shown, sends: STATUS_DETAILED_MAX - 1 })).toBe(false);
  expect(shownAlready(picture({ isAppended: false }), shown)).toBe(false);
  const { digest: _, ...unknown } = shown;
  expect(shownAlready(picture({ digest: "old" }), unknown)).toBe(false);
});

test("a forge is left to look for the place where the known one does not go on, or may not be the newest", () => {
  const picture = { worst: entry(1, "success"), digest: "new", isAppended: false };
  const of = (word: string) => ({ ...picture, word, isCompleted: word !== "pending" });
  const shown = (word: string): Shown => ({ digest: "old", id: "7", word, isCompleted: word !== "pending", sends: 1 });
  expect(placeOf(of("success"), shown("pending"))).toBe("7");
  expect(placeOf(of("success"), shown("failure"))).toBe("7");
  expect(placeOf(of("pending"), shown("failure"))).toBeUndefined();
  expect(placeOf(of("success"), shown("action_required"))).toBeUndefined();
  const { digest: _, ...unknown } = shown("pending");
  expect(placeOf(of("success"), unknown)).toBeUndefined();
});
