import type { SignedRequest } from "../protocol/leases.ts";

export interface Bucket {
  put(key: string, body: string): Promise<void>;
  get(key: string): Promise<Buffer>;
  /** A PUT of exactly this key, once (If-None-Match), signed over length and SHA-256 (hex) where they are known. */
  signPut(object: { readonly key: string; readonly bytes?: number; readonly sha256?: string }): Promise<SignedRequest>;
  signGet(key: string): Promise<SignedRequest>;
  /** Objects under the prefix whose keys sort after `afterKey`, in order. */
  list(prefix: string, afterKey: string | undefined, limit: number): Promise<{ key: string; bytes: number }[]>;
  ping(): Promise<void>;
}
