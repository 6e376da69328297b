import { z } from "zod";
import { entryOf } from "./entry.ts";

/**
 * When a job's needs are met. Groups nest, each with a threshold: all (= the number of members), any (1) or N of M.
 * Pure and monotone over write-once outcomes: once decided, more outcomes never change the decision.
 */
export type Predicate = { readonly need: string } | { readonly atLeast: number; readonly of: readonly Predicate[] };

export const predicateSchema: z.ZodType<Predicate> = z.lazy(() =>
  z.union([
    z.strictObject({ need: z.string() }),
    z.strictObject({ atLeast: z.int().positive(), of: z.array(predicateSchema).min(1) }),
  ]),
);

/** How a need ended, as its dependents see it. `passed` includes a failure that was allowed. */
export const NEED_OUTCOMES = ["passed", "failed", "lost", "canceled", "skipped"] as const;
export type NeedOutcome = (typeof NEED_OUTCOMES)[number];

export type Decision = "met" | "unmet" | "undecided";

export const allOf = (sources: readonly string[]): Predicate => ({
  atLeast: sources.length,
  of: sources.map((need) => ({ need })),
});

/** Decides over the outcomes known so far: `met`, `unmet` for ever, or `undecided`. */
export function decide(predicate: Predicate, resolved: Readonly<Record<string, string>>): Decision {
  if ("need" in predicate) {
    // A job may be called `constructor`: only what was resolved counts, not what every object inherits.
    return decideOne(entryOf(resolved, predicate.need));
  }
  const decisions = predicate.of.map((member) => decide(member, resolved));
  const met = decisions.filter((decision) => decision === "met").length;
  const open = decisions.filter((decision) => decision === "undecided").length;
  if (met >= predicate.atLeast) return "met";
  return met + open >= predicate.atLeast ? "undecided" : "unmet";
}

function decideOne(outcome: string | undefined): Decision {
  if (outcome === undefined) return "undecided";
  return outcome === "passed" ? "met" : "unmet";
}

/** Every node that the predicate looks at, each once. */
export function sourcesOf(predicate: Predicate): string[] {
  if ("need" in predicate) return [predicate.need];
  return [...new Set(predicate.of.flatMap(sourcesOf))];
}
