import { checkMoves, joinMoves } from "../domain/check-moves.ts";
import { deliveryMoves } from "../domain/delivery-moves.ts";
import { headMoves, headsMoves, sweepMoves, tagsMoves } from "../domain/heads-moves.ts";
import { jobMoves } from "../domain/job-moves.ts";
import type { Family, Move } from "../domain/move.ts";
import { outboxMoves } from "../domain/outbox-moves.ts";
import { refMoves } from "../domain/ref-moves.ts";
import { runMoves } from "../domain/run-moves.ts";
import { scheduleMoves } from "../domain/schedule-moves.ts";
import { statusMoves } from "../domain/status-moves.ts";
import type { BirthItem } from "./items.ts";

/** DynamoDB's own limit of one transaction. */
export const TRANSACTION_ITEMS_MAX = 100;
/** Items of one large birth that are written at once. */
export const BIRTH_CONCURRENCY = 8;

const tables: Record<Family, Readonly<Record<string, Move>>> = {
  run: runMoves,
  job: jobMoves,
  check: checkMoves,
  join: joinMoves,
  delivery: deliveryMoves,
  ref: refMoves,
  outbox: outboxMoves,
  status: statusMoves,
  heads: headsMoves,
  head: headMoves,
  tags: tagsMoves,
  schedule: scheduleMoves,
  sweep: sweepMoves,
};

/** A birth is a row of the table too: throws where no row of the family bears an item in this state. */
export function assertBirth(item: BirthItem): void {
  if (!("state" in item)) return;
  const rows = Object.values(tables[item.family]);
  if (!rows.some((row) => row.from === "none" && row.to === item.state)) {
    throw new Error(`no row of the ${item.family} table bears an item that is ${item.state}`);
  }
}
