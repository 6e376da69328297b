import { z } from "zod";
import { itemBase } from "./item-base.ts";

/** A host's ephemeral processes come one after the other, and each is another: they are one runner to people. Sorts before any session's id. */
export const EPHEMERAL = "ephemeral";

/** A runner process as its last session told of it: for people who ask who is there. It decides nothing. */
export const runnerItemSchema = z.object({
  ...itemBase,
  family: z.literal("runner"),
  name: z.string(),
  /** The process, by its first session, whose id sorts by time: the newest one of a name takes the place of those before. */
  instance: z.string(),
  /** Its newest session: a goodbye of another changes nothing. Absent in what an older Baton wrote. */
  runnerId: z.string().optional(),
  pools: z.array(z.string()),
  slots: z.int(),
  seenAtMs: z.int(),
  /** When its session ends; without another it is gone. */
  expiresAtMs: z.int(),
  /** It has said that it goes. */
  leftAtMs: z.int().optional(),
});
export type RunnerItem = z.infer<typeof runnerItemSchema>;
