import { DomainError } from "../domain/errors.ts";
import { SESSION_MS } from "../domain/limits.ts";
import type { Session } from "../protocol/leases.ts";
import type { Deps } from "./deps.ts";
import { signSession } from "./lease-token.ts";

/** Opens a runner's session: which pools it may claim from, and how to reach their queues and nothing else. */
export function openSession(deps: Deps, runner: { readonly name: string; readonly pools: readonly string[] }): Session {
  const { tenant, pools, poolQueueUrl, runnerSqs } = deps.settings;
  const unknown = runner.pools.find((pool) => !pools.includes(pool));
  if (unknown !== undefined) {
    throw new DomainError("bad_request", `there is no pool ${unknown}; there is: ${pools.join(", ")}`);
  }
  const nowMs = deps.clock.nowMs();
  const runnerId = `rnr_${deps.random.ulid(nowMs)}`;
  const claims = { tenant, runnerId, name: runner.name, pools: [...runner.pools], expiresAtMs: nowMs + SESSION_MS };
  deps.log.info("session opened", { runner: runner.name, runnerId, pools: runner.pools });
  return {
    runnerId,
    sessionToken: signSession(deps.signer, claims),
    expiresInMs: SESSION_MS,
    pools: runner.pools.map((name) => ({ name, queueUrl: poolQueueUrl(name) })),
    sqs: runnerSqs,
  };
}
