import { z } from "zod";

/** What a simulated step does, written as its script: the executor reads it from there, as a shell would. */
export const stepScript = z.object({
  /** True milliseconds, on average. */
  ms: z.number(),
  /** How likely an attempt's step fails. */
  failShare: z.number(),
  /** Bytes that it prints. */
  bytes: z.number(),
  /** It ignores SIGTERM. */
  stubborn: z.boolean(),
  /** It leaves a process behind that runs on until the attempt ends. */
  background: z.boolean(),
});
export type StepScript = z.infer<typeof stepScript>;
