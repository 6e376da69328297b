import type { Family } from "../domain/move.ts";
import { checkItemSchema, jobItemSchema, joinItemSchema, runItemSchema } from "./items.ts";
import { outboxItemSchema, statusItemSchema } from "./report-items.ts";
import { headItemSchema, headsItemSchema, scheduleItemSchema, sweepItemSchema, tagsItemSchema } from "./sweep-items.ts";
import { deliveryItemSchema, refItemSchema } from "./trigger-items.ts";

/** What the items of each family are parsed by after a move. */
export const familySchemas = {
  run: runItemSchema,
  job: jobItemSchema,
  check: checkItemSchema,
  join: joinItemSchema,
  delivery: deliveryItemSchema,
  ref: refItemSchema,
  outbox: outboxItemSchema,
  status: statusItemSchema,
  heads: headsItemSchema,
  head: headItemSchema,
  tags: tagsItemSchema,
  schedule: scheduleItemSchema,
  sweep: sweepItemSchema,
} as const satisfies Record<Family, unknown>;
