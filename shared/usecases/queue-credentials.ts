import { DomainError } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";

/**
 * Short-lived credentials for the queues of a session's pools and for nothing else: the runners' role, narrowed by a
 * session policy (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session).
 */
export interface QueueCredentials {
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** On the wall clock; absent where they do not expire. */
  readonly expiresAtMs?: number;
}

/** Becomes the runners' role for 15 minutes, under a policy and a name that the audit trail shows. */
export type AssumeRunnerRole = (policy: string, sessionName: string) => Promise<QueueCredentials>;

/** What a session asks credentials for. */
export interface QueueAccess {
  readonly pools: readonly string[];
  readonly runnerId: string;
  /** Credentials of its own, shared with no other session. */
  readonly ephemeral: boolean;
}

/** What STS takes as the plain text of a session policy. */
const POLICY_LENGTH_MAX = 2_048;
/** Credentials are shared by sessions of the same pools while they live at least this long. */
const SHARED_REST_MS = 10 * 60_000;
/** Sets of pools that are remembered. A deployment has few; the oldest goes first. */
const REMEMBERED_MAX = 64;

/** What a runner does with an offer. ChangeMessageVisibility: to put back what it cannot take. */
const ACTIONS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"];

/**
 * Makes the credentials of a session. One call of STS serves all sessions of the same pools for five minutes, so that a
 * thousand runners that renew every 15 minutes are no thousand calls; an ephemeral session gets its own.
 */
export function makeQueueCredentials(deps: {
  readonly assume: AssumeRunnerRole;
  readonly queueArn: (pool: string) => string;
  readonly clock: Clock;
}): (access: QueueAccess) => Promise<QueueCredentials> {
  const shared = new Map<string, Promise<QueueCredentials>>();

  async function sharedFor(key: string, policy: string, runnerId: string): Promise<QueueCredentials> {
    for (let known = shared.get(key); known !== undefined; known = shared.get(key)) {
      const lent = await known;
      if ((lent.expiresAtMs ?? 0) - deps.clock.nowMs() > SHARED_REST_MS) return lent;
      // Unless another session has asked anew meanwhile.
      if (shared.get(key) === known) break;
    }
    const made = deps.assume(policy, runnerId);
    shared.delete(key);
    shared.set(key, made);
    made.catch(() => shared.get(key) === made && shared.delete(key));
    for (const oldest of shared.keys()) {
      if (shared.size <= REMEMBERED_MAX) break;
      shared.delete(oldest);
    }
    return made;
  }

  return async ({ pools, runnerId, ephemeral }) => {
    const policy = sessionPolicy(pools.map(deps.queueArn));
    if (ephemeral) return deps.assume(policy, runnerId);
    return sharedFor([...pools].sort().join(","), policy, runnerId);
  };
}

/** Nothing but the offers of these queues. Throws `bad_request` where STS would not take so many names. */
export function sessionPolicy(queueArns: readonly string[]): string {
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: ACTIONS, Resource: [...queueArns].sort() }],
  });
  if (policy.length > POLICY_LENGTH_MAX)
    throw new DomainError("bad_request", "the names of these pools are too long for one session: open one with fewer");
  return policy;
}

/** A queue's ARN, from its URL: `https://<host>/<account>/<name>`. `partition` as in the role's own ARN. */
export function queueArnOf(queueUrl: string, partition: string, region: string): string {
  const [account, name] = new URL(queueUrl).pathname.split("/").filter((part) => part !== "");
  if (account === undefined || name === undefined) throw new Error(`${queueUrl} is no queue's URL`);
  return `arn:${partition}:sqs:${region}:${account}:${name}`;
}
