import { DomainError } from "../domain/errors.ts";
import { LOG_CHUNK_BYTES_MAX } from "../domain/limits.ts";
import type { SignedRequest, UploadFile } from "../protocol/leases.ts";
import type { JobItem } from "../store/items.ts";
import { type AttemptRef, artifactObject, logChunkObject, logIndexObject } from "../store/keys.ts";
import type { Deps } from "./deps.ts";
import type { LeaseClaims } from "./lease-token.ts";
import { held } from "./renew-lease.ts";
import { loadSpec } from "./specs.ts";

/** Links for what a living attempt made: each for one key, one method, one length, one digest, for minutes (SECURITY 27). */
export async function signUploads(
  deps: Deps,
  claims: LeaseClaims,
  files: readonly UploadFile[],
): Promise<SignedRequest[]> {
  await livingAttempt(deps, claims);
  return Promise.all(files.map((file) => signUpload(deps, claims, file)));
}

async function signUpload(deps: Deps, attempt: AttemptRef, file: UploadFile): Promise<SignedRequest> {
  if (file.kind === "log" && file.bytes > LOG_CHUNK_BYTES_MAX) {
    throw new DomainError("too_large", `a log chunk has at most ${LOG_CHUNK_BYTES_MAX} bytes, this one ${file.bytes}`);
  }
  return deps.bucket.signPut({ key: objectOf(attempt, file), bytes: file.bytes, sha256: file.sha256 });
}

function objectOf(attempt: AttemptRef, file: UploadFile): string {
  switch (file.kind) {
    case "log":
      return logChunkObject(attempt, file.seq);
    case "log-index":
      return logIndexObject(attempt);
    case "artifact":
      return artifactObject(attempt, file.name);
  }
}

/** Links to the artifacts of the jobs that the spec names: of their results, never of an attempt that lost. */
export async function signInputs(deps: Deps, claims: LeaseClaims) {
  await livingAttempt(deps, claims);
  const { spec } = await loadSpec(deps, claims);
  const jobs = await Promise.all(spec.artifacts.from.map((jobId) => deps.store.getJob({ ...claims, jobId })));
  const made = jobs.filter((job) => job !== undefined).flatMap(resultArtifacts);
  return Promise.all(
    made.map(async ({ attempt, artifact }) => ({
      jobId: attempt.jobId,
      fence: attempt.fence,
      artifact,
      download: await deps.bucket.signGet(artifactObject(attempt, artifact.name)),
    })),
  );
}

/** The artifacts of the attempt that the job's result names, and where they lie: a rerun's may lie with an earlier run. */
export function resultArtifacts(job: JobItem) {
  const fence = job.result?.fence;
  if (fence === undefined) return [];
  const attempt: AttemptRef = { tenant: job.tenant, runId: job.inheritedFrom ?? job.runId, jobId: job.jobId, fence };
  return (job.attempts[String(fence)]?.end?.artifacts ?? []).map((artifact) => ({ attempt, artifact }));
}

async function livingAttempt(deps: Deps, claims: LeaseClaims): Promise<JobItem> {
  return held(deps, await deps.store.getJob(claims), claims, deps.clock.nowMs());
}
