import type { PlannedJob } from "../../../../shared/domain/plan.ts";
import { type Dice, longTailed, oneOf, wholeOf } from "../../engine/dice.ts";
import type { StepScript } from "../step-script.ts";

/** Pipelines of a simulated repository: few small ones, alike in all that the rules of triggers and reports could confuse. */

export interface SimPipeline {
  readonly path: string;
  readonly text: string;
  readonly on: { readonly push: boolean; readonly tag: boolean; readonly pull: boolean };
  readonly supersede: boolean;
}

/** Every pipeline names its jobs from these, so that two files have checks of one name. */
const JOBS = ["f0", "f1"] as const;
const FORGE_RETRIES = { failed: 0, lost: 3 } as const;
const SECOND_MS = 1_000;
/** Two that differ by nothing but their ending: one name, if it is not the file's. */
const PATHS: readonly string[] = [".baton/ci.yml", ".baton/ci.yaml"];

/** What the jobs of every pipeline have in common, as the checks of attempts need it. */
export function forgeJobs(): Pick<PlannedJob, "id" | "retries" | "spec">[] {
  const spec: PlannedJob["spec"] = {
    name: "",
    steps: [{ name: "s0", run: "", env: {} }],
    env: {},
    secrets: [],
    timeoutMs: 0,
    artifacts: { paths: [], from: [] },
  };
  return JOBS.map((id) => ({ id, retries: FORGE_RETRIES, spec }));
}

export function randomPipelines(dice: Dice, pools: readonly [string, ...string[]]): SimPipeline[] {
  const count = dice() < 0.45 ? 2 : 1;
  const supersede = dice() < 0.6;
  return PATHS.slice(0, count).map((path) => randomPipeline(dice, path, supersede || dice() < 0.2, pools));
}

function randomPipeline(
  dice: Dice,
  path: string,
  supersede: boolean,
  pools: readonly [string, ...string[]],
): SimPipeline {
  const all = dice() < 0.6;
  const on = { push: all || dice() < 0.7, tag: all || dice() < 0.5, pull: all || dice() < 0.6 };
  const jobs = Object.fromEntries(
    JOBS.slice(0, dice() < 0.3 ? 2 : 1).map((id, at) => [
      id,
      {
        pool: oneOf(dice, pools),
        ...(at > 0 && dice() < 0.5 ? { needs: [JOBS[0]] } : {}),
        retries: FORGE_RETRIES,
        steps: [{ name: "s0", run: JSON.stringify(randomScript(dice)) }],
      },
    ]),
  );
  const push = { ...(on.push ? { branches: ["**"] } : {}), ...(on.tag ? { tags: ["**"] } : {}) };
  const asks = {
    ...(on.push || on.tag ? { push } : {}),
    ...(on.pull ? { pull_request: {} } : {}),
  };
  const text = JSON.stringify({
    pipeline: "ci",
    ...(supersede ? { supersede } : {}),
    on: asks,
    jobs,
  });
  return { path, text, on, supersede };
}

function randomScript(dice: Dice): StepScript {
  return {
    ms: longTailed(dice, dice() < 0.4 ? 40 * SECOND_MS : 3 * SECOND_MS),
    failShare: oneOf(dice, [0, 0.5, 0.5, 1]),
    bytes: wholeOf(dice, 0, 100),
    stubborn: false,
    background: false,
  };
}
