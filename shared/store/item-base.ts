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
