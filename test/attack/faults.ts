import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** What SQS and S3 of a stack under attack do. */
const faultsSchema = z.object({
  /** `drop`: a message is acknowledged and never comes. `triple`: it comes three times. */
  queues: z.enum(["pass", "drop", "triple"]),
  /** `half`: a third of the requests are lost before their effect, a third after it. */
  bucket: z.enum(["pass", "down", "slow", "half"]),
  slowMs: z.int(),
});
export type Faults = z.infer<typeof faultsSchema>;

export const FAULTS_FILE = "faults.json";
export const NO_FAULTS: Faults = { queues: "pass", bucket: "pass", slowMs: 0 };

/** Whole or not at all: the stack reads it at each request. */
export function writeFaults(stateDir: string, faults: Faults): void {
  const file = join(stateDir, FAULTS_FILE);
  writeFileSync(`${file}.tmp`, JSON.stringify(faults));
  renameSync(`${file}.tmp`, file);
}

export function readFaults(file: string): Faults {
  return faultsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
}
