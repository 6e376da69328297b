import { createHash } from "node:crypto";
import { SPEC_BYTES_MAX, SPEC_INLINE_BYTES_MAX } from "../domain/limits.ts";
import { type JobSpec, jobSpecSchema } from "../domain/plan.ts";
import type { SpecItem } from "../store/items.ts";
import { type JobRef, specObject } from "../store/keys.ts";
import type { Deps } from "./deps.ts";

/** A job's cold part: in the table where it is small, else in the bucket with its digest in the table. */

export type LoadedSpec = Omit<SpecItem, "spec"> & { readonly spec: JobSpec };

/** Throws where the object does not have the digest that the table names. */
export async function loadSpec(deps: Deps, ref: JobRef): Promise<LoadedSpec> {
  const item = await deps.store.getSpec(ref);
  if (item === undefined) throw new Error(`job ${ref.jobId} of run ${ref.runId} has no spec`);
  return resolveSpec(deps, item);
}

export async function resolveSpec(deps: Deps, item: SpecItem): Promise<LoadedSpec> {
  if ("steps" in item.spec) return { ...item, spec: item.spec };
  const text = await deps.bucket.get(specObject(item), SPEC_BYTES_MAX);
  if (text === undefined) throw new Error(`the stored spec of job ${item.jobId} is gone`);
  if (digest(text) !== item.spec.sha256)
    throw new Error(`the stored spec of job ${item.jobId} does not have its digest`);
  return { ...item, spec: jobSpecSchema.parse(JSON.parse(text.toString())) };
}

/** What the spec item holds: the spec, or its digest once it is safely in the bucket. */
export async function storeSpec(deps: Deps, ref: JobRef, spec: JobSpec): Promise<SpecItem["spec"]> {
  const text = JSON.stringify(spec);
  if (Buffer.byteLength(text) <= SPEC_INLINE_BYTES_MAX) return spec;
  await deps.bucket.put(specObject(ref), text);
  return { sha256: digest(text) };
}

export function digest(text: string | Buffer): string {
  return createHash("sha256").update(text).digest("hex");
}
