import { DomainError } from "../domain/errors.ts";
import { SESSION_MS } from "../domain/limits.ts";
import type { Session } from "../protocol/leases.ts";
import { ttlAt } from "../store/item-base.ts";
import { runnerItemKey } from "../store/keys.ts";
import { ITEM_VERSION } from "../store/migrate.ts";
import { EPHEMERAL } from "../store/runner-item.ts";
import type { RunnerStore } from "../store/runner-store.ts";
import { type SessionClaims, signSession } from "./lease-token.ts";
import { type OfferDeps, polledPools } from "./poll-offers.ts";
import { digest } from "./specs.ts";

export interface SessionRequest {
  readonly name: string;
  readonly pools: readonly string[];
  /** How it takes offers: from the queues, with credentials for them, or through the API, with none. */
  readonly poll: "queue" | "api";
  /** Good for one claim (SECURITY 23). */
  readonly ephemeral: boolean;
  readonly slots: number;
  /** The id of this process's first session, where this is not it. */
  readonly firstSession?: string | undefined;
}

export interface SessionDeps extends OfferDeps {
  readonly runners: RunnerStore;
}

/** How long the table remembers a runner that does not come again. */
const REMEMBERED_MS = 3_600_000;

/** Opens a runner's session: which pools it may claim from, and how to reach their queues and nothing else. */
export async function openSession(deps: SessionDeps, runner: SessionRequest): Promise<Session> {
  const { tenant, pools, poolQueueUrl } = deps.settings;
  const unknown = runner.pools.find((pool) => !pools.includes(pool));
  if (unknown !== undefined) {
    throw new DomainError("bad_request", `there is no pool ${unknown}; there is: ${pools.join(", ")}`);
  }
  const nowMs = deps.clock.nowMs();
  const runnerId = `rnr_${deps.random.ulid(nowMs)}`;
  const { sqs, restMs } = await accessOf(deps, runner, runnerId, nowMs);
  // No longer than its credentials, so that a runner renews both before either ends.
  const expiresInMs = Math.min(SESSION_MS, restMs);
  const claims = {
    tenant,
    runnerId,
    name: runner.name,
    pools: [...runner.pools],
    expiresAtMs: nowMs + expiresInMs,
    ...(runner.ephemeral ? { ephemeral: true as const } : {}),
  };
  await noteRunner(deps, runner, runnerId, { seenAtMs: nowMs, expiresAtMs: nowMs + expiresInMs });
  deps.metrics.count("SessionsOpened");
  const { name, poll, ephemeral } = runner;
  deps.log.info("session opened", { runner: name, runnerId, pools: runner.pools, poll, ephemeral });
  return {
    runnerId,
    sessionToken: signSession(deps.signer, claims),
    expiresInMs,
    pools: runner.pools.map((pool) => ({ name: pool, queueUrl: poolQueueUrl(pool) })),
    ...(sqs === undefined ? {} : { sqs }),
  };
}

/**
 * For people who ask who is there: nothing is decided by it. One write for each process in a quarter of an hour; a process that is
 * started in place of another writes over it, so that thousands of starts leave one item.
 */
async function noteRunner(
  deps: SessionDeps,
  { name, pools, slots, firstSession, ephemeral }: SessionRequest,
  runnerId: string,
  session: { readonly seenAtMs: number; readonly expiresAtMs: number },
): Promise<void> {
  const { tenant } = deps.settings;
  // A first session is before the others, whatever a runner says: it may not be the newest for ever.
  const first = firstSession !== undefined && firstSession < runnerId ? firstSession : runnerId;
  const instance = ephemeral ? EPHEMERAL : first;
  await deps.runners.seen({
    ...runnerItemKey(tenant, name, digestOf(pools)),
    v: ITEM_VERSION,
    tenant,
    ttl: ttlAt(session.expiresAtMs + REMEMBERED_MS),
    family: "runner",
    name,
    instance,
    runnerId,
    pools: [...pools],
    slots,
    ...session,
  });
}

const digestOf = (pools: readonly string[]) => digest(JSON.stringify([...pools].sort()));

/** A runner goes: it is offline to people from now on, and a session that it opened before does not bring it back. */
export async function closeSession(
  deps: Pick<SessionDeps, "runners" | "clock" | "settings" | "log">,
  session: SessionClaims,
): Promise<void> {
  const { name, pools, runnerId } = session;
  const key = runnerItemKey(deps.settings.tenant, name, digestOf(pools));
  await deps.runners.left(key, { runnerId, nowMs: deps.clock.nowMs() });
  deps.log.info("a runner goes", { runner: name, runnerId });
}

interface Access {
  readonly sqs: Session["sqs"];
  readonly restMs: number;
}

async function accessOf(deps: OfferDeps, runner: SessionRequest, runnerId: string, nowMs: number): Promise<Access> {
  if (runner.poll === "api") {
    polledPools(deps);
    return { sqs: undefined, restMs: SESSION_MS };
  }
  const { region, endpoint, credentialsFor } = deps.settings.runnerSqs;
  const { pools, ephemeral } = runner;
  const { credentials, expiresAtMs = nowMs + SESSION_MS } = await credentialsFor({ pools, runnerId, ephemeral });
  const sqs = { region, credentials, ...(endpoint === undefined ? {} : { endpoint }) };
  return { sqs, restMs: Math.max(1, expiresAtMs - nowMs) };
}
