import { describe, expect, test } from "vitest";
import { interpretMove } from "../../../shared/domain/interpret-move.ts";
import type { Item } from "../../../shared/domain/item.ts";
import { runMoves } from "../../../shared/domain/run-moves.ts";
import { NOW_MS, runArgs, runInState } from "../../support/items.ts";

describe("an approval", () => {
  const approve = (item: Item, sha = "a commit") => interpretMove(runMoves.approve, item, runArgs({ sha }));

  test("SECURITY 19: is of one commit: the run's, letter by letter", () => {
    expect(approve(runInState("live"))).toMatchObject({ approval: { sha: "a commit", atMs: NOW_MS } });
    for (const sha of ["another commit", "a commi", "a commit ", "A COMMIT", ""])
      expect(approve(runInState("live"), sha)).toBeUndefined();
  });

  test("is given once, and to no run that needs none", () => {
    const given = approve(runInState("live"));
    expect(given && approve(given)).toBeUndefined();
    const { approval: _, ...needless } = runInState("live");
    expect(approve(needless)).toBeUndefined();
  });

  test("keeps a run from being parked behind it", () => {
    const given = approve(runInState("live"));
    expect(given && interpretMove(runMoves.park, given, runArgs())).toBeUndefined();
    expect(interpretMove(runMoves.park, runInState("live"), runArgs())).toBeDefined();
  });
});
