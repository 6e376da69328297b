import { recordAudit } from "../../shared/usecases/audit.ts";
import { claimJob } from "../../shared/usecases/claim-job.ts";
import { ackCancel, completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { assertServes, type Principal } from "../../shared/usecases/manage-tokens.ts";
import { closeSession, openSession, type SessionRequest } from "../../shared/usecases/open-session.ts";
import { receiveOffers, removeOffers, returnOffers } from "../../shared/usecases/poll-offers.ts";
import { readJobSecrets } from "../../shared/usecases/read-job-secrets.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import { signInputs, signUploads } from "../../shared/usecases/sign-uploads.ts";
import { offerSourceCredential, readSourceCredential } from "../../shared/usecases/source-credential.ts";
import { spendProof } from "../../shared/usecases/spend-proof.ts";
import type { FunctionDeps } from "../deps.ts";
import type { Implementations } from "./http-lambda.ts";

/** The runner's protocol (DESIGN section 5). 409 stale_lease to any of it orders the runner to kill the attempt. */
export const leaseRoutes = (deps: FunctionDeps): Implementations<"lease"> => ({
  openSession: async ({ body, caller }) => {
    assertServes(caller, body.pools);
    await spendProof(deps, caller, body);
    const session = await openSession(deps, body);
    await auditSession(deps, caller, session.runnerId, body);
    return session;
  },
  closeSession: async ({ caller }) => {
    await closeSession(deps, caller);
    return { ok: true };
  },
  receiveOffers: async ({ params, caller, body }) => ({ offers: await receiveOffers(deps, caller, params.pool, body) }),
  removeOffers: async ({ params, caller, body }) => {
    await removeOffers(deps, caller, params.pool, body.receipts);
    return { ok: true };
  },
  returnOffers: async ({ params, caller, body }) => {
    await returnOffers(deps, caller, params.pool, body.receipts);
    return { ok: true };
  },
  claim: async ({ params, body, caller }) =>
    offerSourceCredential(deps, await claimJob(deps, caller, { runId: params.run, jobId: params.job, ...body })),
  ack: ({ caller }) => ackLease(deps, caller),
  heartbeat: ({ caller, body }) => renewLease(deps, caller, body),
  uploads: async ({ caller, body }) => ({ uploads: await signUploads(deps, caller, body.files) }),
  inputs: async ({ caller }) => ({ inputs: await signInputs(deps, caller) }),
  secrets: ({ caller }) => readJobSecrets(deps, caller),
  source: ({ caller }) => readSourceCredential(deps, caller),
  complete: ({ caller, body }) => completeJob(deps, caller, body),
  release: ({ caller, body }) => {
    const { reason, ...made } = body;
    return releaseJob(deps, caller, reason, made);
  },
  cancelAck: ({ caller, body }) => ackCancel(deps, caller, body.log),
});

/** The runner's id is one that sorts by time, and is as good for its entry. */
async function auditSession(
  deps: FunctionDeps,
  { tokenId, name: tokenName, proof }: Principal,
  runnerId: string,
  { name, pools }: SessionRequest,
): Promise<void> {
  await recordAudit(deps, {
    id: runnerId.slice("rnr_".length),
    action: "session.open",
    actor: { kind: proof === undefined ? "token" : "host", id: tokenId, name: tokenName },
    subject: runnerId,
    details: { runner: name, pools: [...pools] },
  });
}
