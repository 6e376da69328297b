import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { printDiagram, printMoves } from "../../../docs/print-moves.ts";
import { printFailures, printLimits } from "../../../docs/print-reference.ts";
import { checkMoves, joinMoves } from "../../../shared/domain/check-moves.ts";
import { deliveryMoves } from "../../../shared/domain/delivery-moves.ts";
import { headMoves, headsMoves, sweepMoves, tagsMoves } from "../../../shared/domain/heads-moves.ts";
import { JOB_TERMINAL, jobMoves } from "../../../shared/domain/job-moves.ts";
import type { Move } from "../../../shared/domain/move.ts";
import { OUTBOX_TERMINAL, outboxMoves } from "../../../shared/domain/outbox-moves.ts";
import { refMoves } from "../../../shared/domain/ref-moves.ts";
import { RUN_TERMINAL, runMoves } from "../../../shared/domain/run-moves.ts";
import { scheduleMoves } from "../../../shared/domain/schedule-moves.ts";
import { statusMoves } from "../../../shared/domain/status-moves.ts";

/** Guards, effects and bounds are data: what ARCHITECTURE shows of them was reviewed, so a change must show there. */
const page = readFileSync(path.join(import.meta.dirname, "../../../docs/ARCHITECTURE.md"), "utf8");
const shown = (block: string): string | undefined =>
  new RegExp(`<!-- generated: ${block} -->\n(.*?)\n<!-- end -->`, "s").exec(page)?.[1];

const TABLES: Readonly<Record<string, Readonly<Record<string, Move>>>> = {
  run: runMoves,
  job: jobMoves,
  check: checkMoves,
  join: joinMoves,
  outbox: outboxMoves,
  status: statusMoves,
  delivery: deliveryMoves,
  ref: refMoves,
  heads: headsMoves,
  head: headMoves,
  tags: tagsMoves,
  schedule: scheduleMoves,
  sweep: sweepMoves,
};

test.each(Object.entries(TABLES))("the rows of %s are those of ARCHITECTURE", (family, moves) => {
  expect(printMoves(moves)).toBe(shown(`${family} moves`));
  for (const [name, { on, name: own }] of Object.entries(moves)) expect({ on, own }).toEqual({ on: family, own: name });
});

test("the states in which a machine ends are those of ARCHITECTURE", () => {
  expect(printDiagram(runMoves, RUN_TERMINAL)).toBe(shown("run diagram"));
  expect(printDiagram(jobMoves, JOB_TERMINAL)).toBe(shown("job diagram"));
  expect(printDiagram(outboxMoves, OUTBOX_TERMINAL)).toBe(shown("outbox diagram"));
});

test("the bounds, and the status of each mistake, are those of ARCHITECTURE", () => {
  // Names of a module come sorted from Node alone, and not from Vitest.
  const rowsOf = (table = "") => table.split("\n").toSorted();
  expect(rowsOf(printLimits())).toEqual(rowsOf(shown("limits")));
  expect(printFailures()).toBe(shown("failures"));
});

/** What a person asks for later: who did it, and when. The rest shows in the item, or happens too often. */
const RECORDED_THOUGH_UNCHANGED: readonly string[] = ["delivery.postpone", "run.approve", "schedule.rewind"];
const CHANGED_THOUGH_UNRECORDED: readonly string[] = [
  ...["head.advance", "head.leave"],
  ...["outbox.lapse", "outbox.postpone", "outbox.rest", "outbox.settle", "outbox.take"],
  ...["status.release", "status.settle", "status.take"],
];

test("every change of a state is recorded, and nothing else but what is listed", () => {
  const all = Object.values(TABLES).flatMap((moves) => Object.values(moves));
  const named = (moves: readonly Move[]) => moves.map(({ on, name }) => `${on}.${name}`).toSorted();
  const isChange = ({ from, to }: Move) => from !== "none" && to !== "unchanged";
  expect(named(all.filter((move) => move.recorded && !isChange(move)))).toEqual(RECORDED_THOUGH_UNCHANGED);
  expect(named(all.filter((move) => !move.recorded && isChange(move)))).toEqual(CHANGED_THOUGH_UNRECORDED);
});
