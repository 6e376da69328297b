import { z } from "zod";
import { itemBase } from "./item-base.ts";

/** A runner process as its last session told of it: for people who ask who is there. It decides nothing. */
export const runnerItemSchema = z.object({
  ...itemBase,
  family: z.literal("runner"),
  name: z.string(),
  /** The process: several may share a name. */
  instance: z.string(),
  pools: z.array(z.string()),
  slots: z.int(),
  seenAtMs: z.int(),
  /** When its session ends; without another it is gone. */
  expiresAtMs: z.int(),
});
export type RunnerItem = z.infer<typeof runnerItemSchema>;
