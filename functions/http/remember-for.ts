import type { Clock } from "../../shared/lib/clock.ts";

export const REMEMBERED_MAX = 1_000;

/** Answers what was read before, where that is not older than asked for. Bounded: what nobody asks for goes first. */
export function rememberFor<T>(
  clock: Clock,
  read: (name: string) => Promise<T>,
): (name: string, maxAgeMs: number) => Promise<T> {
  const known = new Map<string, { readonly value: T; readonly atMs: number }>();
  /** A map keeps the order in which its entries came. */
  const keep = (name: string, seen: { readonly value: T; readonly atMs: number }) => {
    known.delete(name);
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= REMEMBERED_MAX) known.delete(oldest);
    known.set(name, seen);
    return seen.value;
  };
  return async (name, maxAgeMs) => {
    const nowMs = clock.monotonicMs();
    const seen = known.get(name);
    if (seen !== undefined && nowMs - seen.atMs <= maxAgeMs) return keep(name, seen);
    return keep(name, { value: await read(name), atMs: nowMs });
  };
}
