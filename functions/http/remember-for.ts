import type { Clock } from "../../shared/lib/clock.ts";

const REMEMBERED_MAX = 1_000;

/**
 * Answers what was read before, where that is not older than asked for. What is not there is remembered too, so that a
 * name that exists and one that does not cost the same. Bounded: strangers choose the names.
 */
export function rememberFor<T>(
  clock: Clock,
  read: (name: string) => Promise<T>,
): (name: string, maxAgeMs: number) => Promise<T> {
  const known = new Map<string, { readonly value: T; readonly atMs: number }>();
  return async (name, maxAgeMs) => {
    const seen = known.get(name);
    const nowMs = clock.monotonicMs();
    if (seen !== undefined && nowMs - seen.atMs <= maxAgeMs) return seen.value;
    const value = await read(name);
    if (known.size >= REMEMBERED_MAX) known.clear();
    known.set(name, { value, atMs: nowMs });
    return value;
  };
}
