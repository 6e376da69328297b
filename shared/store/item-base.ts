import { z } from "zod";
import { ITEM_VERSION } from "./migrate.ts";

/** What every item of the table has. */
export const itemBase = {
  pk: z.string(),
  sk: z.string(),
  v: z.literal(ITEM_VERSION),
  tenant: z.string(),
  ttl: z.int().optional(),
};

/** What puts an item into the `due` index, while both are there. */
export const wakes = { wakeAtMs: z.int().optional(), dueShard: z.string().optional() };

/** From when on the database may delete an item: DynamoDB takes seconds. */
export const ttlAt = (atMs: number): number => Math.ceil(atMs / 1_000);
