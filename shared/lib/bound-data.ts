import { DATA_DEPTH_MAX, DATA_MEMBERS_MAX, DATA_TEXT_LENGTH_MAX } from "../domain/limits.ts";
import { shorten } from "./cut.ts";

/**
 * Data that holds text from outside, as a reply or a log may hold it: every text shortened, every list and object cut with
 * a note of how much was left out, and no deeper than `DATA_DEPTH_MAX`. What is small comes back as it is.
 */
export function boundData(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return shorten(value, DATA_TEXT_LENGTH_MAX);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return boundError(value, depth);
  if (depth >= DATA_DEPTH_MAX) return "…";
  if (Array.isArray(value)) {
    const kept = value.slice(0, DATA_MEMBERS_MAX).map((one) => boundData(one, depth + 1));
    return value.length > kept.length ? [...kept, noteOf(value.length - kept.length)] : kept;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const entries = Object.entries(value);
  const kept = entries.slice(0, DATA_MEMBERS_MAX);
  const rest = entries.length > kept.length ? [["…", noteOf(entries.length - kept.length)]] : [];
  const bounded = kept.map(([key, one]) => [shorten(key, DATA_TEXT_LENGTH_MAX), boundData(one, depth + 1)]);
  return Object.fromEntries([...bounded, ...rest]);
}

const noteOf = (count: number): string => `… and ${count.toLocaleString("en-US")} more`;

/** The same error, or where it is long a plain one that says as much of it as there is room for. */
export function boundError(error: Error, depth = 0): Error {
  const { message, stack = "" } = error;
  const cause = error.cause instanceof Error && depth < DATA_DEPTH_MAX ? boundError(error.cause, depth + 1) : undefined;
  const isShort = Math.max(message.length, stack.length) <= DATA_TEXT_LENGTH_MAX && cause === error.cause;
  if (isShort) return error;
  const bounded = new Error(shorten(message, DATA_TEXT_LENGTH_MAX), cause === undefined ? {} : { cause });
  bounded.name = error.name;
  bounded.stack = shorten(stack, DATA_TEXT_LENGTH_MAX);
  return bounded;
}
