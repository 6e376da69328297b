import type { SignedRequest } from "../protocol/leases.ts";

export interface Bucket {
  put(key: string, body: string): Promise<void>;
  /** Undefined where there is no such object, or it has more than `bytesMax` bytes: whoever named it was wrong. */
  get(key: string, bytesMax: number): Promise<Buffer | undefined>;
  /** A PUT of exactly this key, once (If-None-Match), signed over length and SHA-256 (hex) where they are known. */
  signPut(object: { readonly key: string; readonly bytes?: number; readonly sha256?: string }): Promise<SignedRequest>;
  signGet(key: string): Promise<SignedRequest>;
  /** Objects under the prefix whose keys sort after `afterKey`, in order. */
  list(prefix: string, afterKey: string | undefined, limit: number): Promise<{ key: string; bytes: number }[]>;
  ping(): Promise<void>;
}
