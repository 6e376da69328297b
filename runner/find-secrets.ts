import { entryOf } from "../shared/domain/entry.ts";
import { askEarly } from "./ask-early.ts";
import type { Attempt } from "./attempt-state.ts";
import { quoteAll, readSecretsFile } from "./secrets-file.ts";
import { ToolingError } from "./tooling-error.ts";

export interface Secrets {
  readonly values: Readonly<Record<string, string>>;
  /** Why they are not there. The attempt fails with it once it has a log to say so. */
  readonly missing?: ToolingError;
  /** For the log. */
  readonly warning?: string;
}

/**
 * The secrets that a job names: those of the runner's own file, the rest from the job's project, which is asked only
 * where there is a rest. A fork's run gets none of either (SECURITY 19). What the network loses is thrown as it is: the
 * attempt is given back for it.
 */
export async function findSecrets(attempt: Attempt): Promise<Secrets> {
  const { granted, deps } = attempt;
  if (granted.secretsWithheld !== undefined) return withheld(granted.spec.secrets);
  try {
    const own = await readSecretsFile(granted.secrets, deps.secretsFile);
    const rest = granted.secrets.filter((name) => !own.has(name));
    if (rest.length === 0) return { values: Object.fromEntries(own) };
    const reply = await askEarly(attempt, (options) => attempt.lease.secrets(options));
    if (reply.withheld !== undefined) return withheld(granted.spec.secrets);
    const given = rest.flatMap((name) => {
      const value = entryOf(reply.values, name);
      return value === undefined ? [] : [[name, value] as const];
    });
    const missing = rest.filter((name) => entryOf(reply.values, name) === undefined);
    if (missing.length > 0) throw new ToolingError(missingMessage(attempt, missing));
    return { values: Object.fromEntries([...own, ...given]) };
  } catch (error) {
    if (error instanceof ToolingError) return { values: {}, missing: error };
    throw error;
  }
}

/** The job goes on: what needs no secret can be shown to a fork's author. */
function withheld(names: readonly string[]): Secrets {
  if (names.length === 0) return { values: {} };
  return { values: {}, warning: `a run of a fork's pull request gets no secrets: ${quoteAll(names)} not set` };
}

function missingMessage({ deps, granted }: Attempt, names: readonly string[]): string {
  const own =
    deps.secretsFile === undefined
      ? "this runner has no secrets file (--secrets-file)"
      : "this runner's secrets file does not hold them";
  return `the job asks for ${quoteAll(names)}: ${own}, nor has project ${granted.project} any for this branch`;
}
