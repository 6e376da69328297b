import type { SourceCredential } from "../shared/protocol/leases.ts";
import { askEarly } from "./ask-early.ts";
import type { Attempt } from "./attempt-state.ts";
import { basicOf } from "./products/git.ts";

export interface FoundCredential {
  readonly credential?: SourceCredential;
  /** What the log must not show of it. */
  readonly masks: readonly string[];
  /** For the log. */
  readonly warning?: string;
}

/**
 * What the run's source is fetched with, where the grant says that there may be something: the control plane is asked
 * for no other run. Without one the source is fetched as a public one is.
 */
export async function findSourceCredential(attempt: Attempt): Promise<FoundCredential> {
  if (attempt.granted.sourceCredential !== true) return { masks: [] };
  const { credential, problem } = await askEarly(attempt, (options) => attempt.lease.source(options));
  if (credential !== undefined) return { credential, masks: [credential.password, basicOf(credential)] };
  return problem === undefined ? { masks: [] } : { masks: [], warning: `no credential for the source: ${problem}` };
}
