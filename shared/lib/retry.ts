import { setTimeout as wait } from "node:timers/promises";

export interface RetryPolicy {
  readonly triesMax: number;
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Calls until it succeeds, the error is not worth it, or the tries are spent; then throws the last error. Waits with
 * full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export async function retry<T>(
  policy: RetryPolicy,
  worthIt: (error: unknown) => boolean,
  call: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt >= policy.triesMax || !worthIt(error)) throw error;
      await wait(backoffMs(policy, attempt));
    }
  }
}

/** A random wait below an exponentially growing, capped bound. */
export function backoffMs(policy: RetryPolicy, attempt: number): number {
  return Math.random() * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
}
