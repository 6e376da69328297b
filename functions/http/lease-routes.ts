import { claimJob } from "../../shared/usecases/claim-job.ts";
import { ackCancel, completeJob, releaseJob } from "../../shared/usecases/end-attempt.ts";
import { openSession } from "../../shared/usecases/open-session.ts";
import { ackLease, renewLease } from "../../shared/usecases/renew-lease.ts";
import { signInputs, signUploads } from "../../shared/usecases/sign-uploads.ts";
import type { FunctionDeps } from "../deps.ts";
import type { Implementations } from "./http-lambda.ts";

/** The runner's protocol (DESIGN section 5). 409 stale_lease to any of it orders the runner to kill the attempt. */
export const leaseRoutes = (deps: FunctionDeps): Implementations<"lease"> => ({
  openSession: async ({ body }) => openSession(deps, body),
  claim: ({ params, body, caller }) => claimJob(deps, caller, { runId: params.run, jobId: params.job, ...body }),
  ack: ({ caller }) => ackLease(deps, caller),
  heartbeat: ({ caller, body }) => renewLease(deps, caller, body.phase),
  uploads: async ({ caller, body }) => ({ uploads: await signUploads(deps, caller, body.files) }),
  inputs: async ({ caller }) => ({ inputs: await signInputs(deps, caller) }),
  complete: ({ caller, body }) => completeJob(deps, caller, body),
  release: ({ caller, body }) => releaseJob(deps, caller, body.reason),
  cancelAck: ({ caller, body }) => ackCancel(deps, caller, body.log),
});
