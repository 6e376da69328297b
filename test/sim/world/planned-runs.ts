import type { Plan } from "../../../shared/domain/plan.ts";

export const SIM_TENANT = "main";

/** The plans and definitions that the world's users ask for, by the texts that name them. */
export interface PlannedRuns {
  /** The plan that a definition's text names; undefined where the text is a definition itself. */
  planOf(text: string): Plan | undefined;
  /** The definition that lies in the repository at this commit. */
  textOf(sha: string): string;
  addPlan(plan: Plan): string;
  addText(text: string): string;
}

const SHA_DIGITS = 40;

export function makePlannedRuns(): PlannedRuns {
  const plans = new Map<string, Plan>();
  const texts = new Map<string, string>();
  return {
    planOf: (text) => plans.get(text),
    textOf(sha) {
      const text = texts.get(sha);
      if (text === undefined) throw new Error(`there is no commit ${sha}`);
      return text;
    },
    addPlan(plan) {
      const name = `plan ${plans.size + 1}`;
      plans.set(name, plan);
      return name;
    },
    addText(text) {
      const sha = String(texts.size + 1).padStart(SHA_DIGITS, "0");
      texts.set(sha, text);
      return sha;
    },
  };
}
