import { createHmac } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../shared/lib/clock.ts";
import { makeSigner } from "../shared/lib/signed-token.ts";
import type { QueueAccess, QueueCredentials } from "../shared/usecases/queue-credentials.ts";

/**
 * What STS does where there is none: credentials that say by themselves which pools' queues they open, and until when. The
 * session token is signed, and the secret follows from it, so that the embedded queue server keeps nothing to know them by.
 */

/** As long as the runners' role lends (functions/runner-sqs.ts). */
const LENT_MS = 15 * 60_000;
const PREFIX = "lent";
/** The access key of all that is lent; the token says which. */
export const LENT_KEY_ID = "BATONRUNNER";

const claims = z.object({ pools: z.array(z.string()), runnerId: z.string(), expiresAtMs: z.int() });

/** Lends the queues of a session's pools. `key`: the control plane's first signing key. */
export function lendQueues(key: Buffer, clock: Clock): (access: QueueAccess) => Promise<QueueCredentials> {
  const signer = makeSigner([key]);
  return async ({ pools, runnerId }) => {
    const expiresAtMs = clock.nowMs() + LENT_MS;
    const sessionToken = signer.sign(PREFIX, { pools, runnerId, expiresAtMs });
    const credentials = { accessKeyId: LENT_KEY_ID, secretAccessKey: secretOf(key, sessionToken), sessionToken };
    return { credentials, expiresAtMs };
  };
}

export type ReadLent = (
  sessionToken: string,
) => { readonly pools: readonly string[]; readonly expiresAtMs: number; readonly secretAccessKey: string } | undefined;

/** What a session token opens, also after its time; undefined where it is not one of ours. */
export function lentReader(key: Buffer): ReadLent {
  const signer = makeSigner([key]);
  return (sessionToken) => {
    const { data } = claims.safeParse(signer.verify(PREFIX, sessionToken));
    return data === undefined ? undefined : { ...data, secretAccessKey: secretOf(key, sessionToken) };
  };
}

function secretOf(key: Buffer, sessionToken: string): string {
  return createHmac("sha256", key).update(`lent secret.${sessionToken}`).digest("base64url");
}
