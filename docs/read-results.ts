import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

/** Results of the tools of proof, as `npm run record` keeps them in docs/results/. */

const machine = z.object({ cores: z.int(), memoryGib: z.int(), kernel: z.string(), node: z.string() });

const recorded = <R extends z.ZodType>(result: R) =>
  z.object({ tool: z.string(), command: z.string(), atMs: z.int(), commit: z.string(), machine, result });

const counts = z.object({
  lostJobs: z.int(),
  doubleResults: z.int(),
  staleWrites: z.int(),
  overlaps: z.int(),
  orphans: z.int(),
  wrongVerdicts: z.int(),
  lostLogBytes: z.int(),
  // Older records do not have them.
  lostFiles: z.int().default(0),
  malformedOutputs: z.int().default(0),
});

const score = z.object({
  attack: z.string(),
  about: z.string(),
  invariants: z.array(z.int()),
  runs: z.int(),
  jobs: z.int(),
  faults: z.int(),
  counts,
  lostAttempts: z.int(),
  staleProbes: z.int(),
  recordedLogBytes: z.int(),
  recoveryMs: z.object({ p50: z.number(), max: z.number() }).optional(),
  goals: z.array(z.object({ what: z.string(), ms: z.number(), atMostMs: z.number() })),
  skipped: z.string().optional(),
  seconds: z.number(),
});

export const RESULTS = {
  attack: recorded(z.object({ seed: z.int(), seconds: z.number(), scores: z.array(score) })),
  conformance: recorded(
    z.object({
      checks: z.array(
        z.object({
          id: z.string(),
          proves: z.string(),
          invariants: z.array(z.int()),
          verdict: z.string(),
          ms: z.number(),
        }),
      ),
    }),
  ),
  cost: recorded(
    z.object({
      idle: z.array(z.object({ what: z.string(), listed: z.number(), billed: z.number() })),
      job: z.object({
        counts: z.object({
          apiRequests: z.int(),
          invocations: z.int(),
          itemWrites: z.int(),
          writeUnits: z.number(),
          sqs: z.int(),
          s3: z.int(),
        }),
        dollars: z.record(z.string(), z.number()),
      }),
    }),
  ),
  model: recorded(
    z.object({
      rows: z.array(
        z.object({
          world: z.string(),
          states: z.int(),
          transitions: z.int(),
          depth: z.int(),
          cpuSeconds: z.number(),
          broken: z.object({ invariant: z.unknown() }).optional(),
        }),
      ),
      cpuSeconds: z.number(),
    }),
  ),
  mutation: recorded(
    z.object({
      rooms: z.array(
        z.object({
          room: z.string(),
          total: z.int(),
          planted: z.int(),
          caught: z.int(),
          timedOut: z.int(),
          broken: z.int(),
          seed: z.int().optional(),
          seconds: z.int(),
          commit: z.string(),
          survivors: z.array(
            z.object({
              file: z.string(),
              line: z.int(),
              mutator: z.string(),
              original: z.string(),
              replacement: z.string(),
              why: z.string().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
  mutants: recorded(
    z.object({
      mutants: z.array(
        z.object({ name: z.string(), world: z.string(), invariant: z.unknown().optional(), caught: z.boolean() }),
      ),
    }),
  ),
  sim: recorded(
    z.object({
      rows: z.array(
        z.object({
          seed: z.int(),
          worlds: z.int(),
          violations: z.int(),
          jobs: z.int(),
          events: z.int(),
          writes: z.int(),
          faults: z.int(),
          cpuSeconds: z.number(),
        }),
      ),
    }),
  ),
  "sim-mutants": recorded(
    z.object({
      mutants: z.array(z.object({ name: z.string(), seed: z.int().optional(), worlds: z.int(), message: z.string() })),
    }),
  ),
} as const;

export type ResultName = keyof typeof RESULTS;
export type Result<N extends ResultName> = z.output<(typeof RESULTS)[N]>;

/** Undefined where the tool's result was never recorded. Throws where the file is not what the tool writes. */
export function readResult<N extends ResultName>(name: N): Result<N> | undefined {
  const file = path.join(import.meta.dirname, "results", `${name}.json`);
  if (!existsSync(file)) return undefined;
  return RESULTS[name].parse(JSON.parse(readFileSync(file, "utf8"))) as Result<N>;
}
