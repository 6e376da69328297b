import type { Plan, PlannedJob } from "../../../shared/domain/plan.ts";
import type { Predicate } from "../../../shared/domain/predicate.ts";
import { type Dice, longTailed, oneOf, wholeOf } from "../engine/dice.ts";
import type { StepScript } from "./step-script.ts";

/** Plans as wild as the language allows, and wilder: any, all and N-of-M needs, nested. */

const JOBS_MAX = 40;
const JOBS_MEAN = 8;
const STRAINED_JOBS_MAX = 4;
const SECOND_MS = 1_000;
/** Twice a lease. */
const LONG_MS = 90 * SECOND_MS;
const LONG_TIMEOUT_MS = 600 * SECOND_MS;

export function randomPlan(dice: Dice, pools: readonly [string, ...string[]], strained: boolean): Plan {
  // Long enough that leases must be renewed, and are lost while steps run.
  const long = dice() < 0.1 || strained;
  // Between 1 and 40, 8 on average.
  const count = Math.min(strained ? STRAINED_JOBS_MAX : JOBS_MAX, 1 + Math.floor(longTailed(dice, JOBS_MEAN)));
  const failing = dice() < 0.6;
  const checks = dice() < 0.3 ? Array.from({ length: wholeOf(dice, 1, Math.max(1, count)) }, (_, at) => `c${at}`) : [];
  const wide = dice() < 0.3;
  const jobs: PlannedJob[] = [];
  for (let at = 0; at < count; at += 1)
    jobs.push(randomJob(dice, at, { pools, failing, checks, wide, long, strained, jobs }));
  return { pipeline: "sim", jobs };
}

interface PlanContext {
  readonly pools: readonly [string, ...string[]];
  readonly failing: boolean;
  readonly checks: readonly string[];
  /** Few needs: most jobs are free at once. */
  readonly wide: boolean;
  readonly long: boolean;
  /** Steps do not go when they are asked to. */
  readonly strained: boolean;
  readonly jobs: readonly PlannedJob[];
}

function randomJob(
  dice: Dice,
  at: number,
  { pools, failing, checks, wide, long, strained, jobs }: PlanContext,
): PlannedJob {
  const id = `j${at}`;
  const needs = jobs.length > 0 && dice() < (wide ? 0.2 : 0.7) ? randomNeeds(dice, jobs, 2) : undefined;
  const makers = jobs.filter(({ spec }) => spec.artifacts.paths.length > 0).map((job) => job.id);
  const from = needs === undefined ? [] : makers.filter((maker) => mentions(needs, maker) && dice() < 0.5);
  return {
    id,
    pool: oneOf(dice, pools),
    ...(needs === undefined ? {} : { needs }),
    checks: checks.filter(() => dice() < 2 / Math.max(2, checks.length)).slice(0, 4),
    allowFailure: dice() < 0.1,
    retries: { failed: dice() < 0.3 ? wholeOf(dice, 1, 2) : 0, lost: dice() < 0.8 ? 3 : wholeOf(dice, 0, 1) },
    spec: {
      name: id,
      steps: Array.from({ length: dice() < 0.8 ? 1 : 2 }, (_, step) => ({
        name: `s${step}`,
        run: JSON.stringify(randomStep(dice, failing, long, strained)),
        env: {},
        ...(dice() < 0.05 ? { timeoutMs: wholeOf(dice, 1, 20) * SECOND_MS } : {}),
      })),
      env: {},
      secrets: [],
      timeoutMs: dice() < 0.1 ? wholeOf(dice, 2, 30) * SECOND_MS : LONG_TIMEOUT_MS,
      artifacts: { paths: dice() < 0.15 ? ["out/*"] : [], from },
    },
  };
}

function randomStep(dice: Dice, failing: boolean, long: boolean, strained: boolean): StepScript {
  const slow = long || dice() < 0.08;
  return {
    ms: longTailed(dice, slow ? LONG_MS : 2 * SECOND_MS),
    failShare: failing && dice() < 0.25 ? oneOf(dice, [0.3, 1]) : 0,
    bytes: Math.floor(longTailed(dice, 200)),
    stubborn: dice() < (strained ? 0.7 : 0.1),
    background: dice() < 0.05,
  };
}

function randomNeeds(dice: Dice, jobs: readonly PlannedJob[], depth: number): Predicate {
  const members = Array.from({ length: wholeOf(dice, 1, Math.min(4, jobs.length)) }, (): Predicate => {
    if (depth > 0 && dice() < 0.1) return randomNeeds(dice, jobs, depth - 1);
    // Mostly near ones, so that chains come about.
    const back = Math.min(jobs.length - 1, Math.floor(longTailed(dice, 3)));
    return { need: jobs[jobs.length - 1 - back]?.id ?? "j0" };
  });
  const atLeast = dice() < 0.7 ? members.length : wholeOf(dice, 1, members.length);
  return { atLeast, of: members };
}

const mentions = (needs: Predicate, id: string): boolean =>
  "need" in needs ? needs.need === id : needs.of.some((member) => mentions(member, id));

/** The plan in the pipeline language, with every need of a group asked for: JSON is YAML too. */
export function definitionOf(plan: Plan): string {
  const jobs = Object.fromEntries(
    plan.jobs.map(({ id, pool, needs, checks, allowFailure, retries, spec }) => [
      id,
      {
        pool,
        ...(needs === undefined ? {} : { needs: [...new Set(flat(needs))] }),
        ...(checks.length === 0 ? {} : { checks }),
        allow_failure: allowFailure,
        retries,
        timeout: `${spec.timeoutMs / SECOND_MS}s`,
        steps: spec.steps.map(({ name, run }) => ({ name, run })),
      },
    ]),
  );
  return JSON.stringify({ pipeline: plan.pipeline, jobs }, undefined, 1);
}

const flat = (needs: Predicate): string[] => ("need" in needs ? [needs.need] : needs.of.flatMap(flat));
