import { DomainError } from "../../shared/domain/errors.ts";
import { SECRET_BYTES_MIN, SECRET_FORMS_BYTES_MAX, SECRETS_BYTES_MAX } from "./limits.ts";
import { type Automaton, makeAutomaton, scan } from "./mask-automaton.ts";
import { formsOf } from "./mask-forms.ts";

const MASK = Buffer.from("***");
const NOTHING = Buffer.alloc(0);

/** Hides secrets in a stream of bytes. The result does not depend on how the stream is cut into writes. */
export interface Masker {
  /** Returns what can no longer become part of a secret; it may share memory with `chunk`. */
  write(chunk: Buffer): Buffer;
  /** Returns the rest. */
  end(): Buffer;
  /** Values that are too short to be masked, named by their place in the list; never the values. */
  readonly warnings: readonly string[];
}

/** A part of the unsent bytes that is masked: [start, end). */
interface Range {
  start: number;
  end: number;
}

/**
 * Every byte that belongs to any form of any secret is hidden, also where two of them overlap; each run of hidden bytes
 * becomes one `***`. Holds back only the longest end that may still become a secret. Throws DomainError `too_large`
 * where the values are too large together: better no job than one whose log is not masked.
 */
export function makeMasker(secrets: readonly string[]): Masker {
  const { patterns, warnings } = patternsOf(secrets);
  if (patterns.length === 0) return { write: (chunk) => chunk, end: () => NOTHING, warnings };
  return { ...maskWith(makeAutomaton(patterns)), warnings };
}

function patternsOf(secrets: readonly string[]): { patterns: readonly Buffer[]; warnings: readonly string[] } {
  assertAtMost(
    secrets.map((secret) => Buffer.byteLength(secret)),
    SECRETS_BYTES_MAX,
    "have",
  );
  const warnings: string[] = [];
  const patterns: Buffer[] = [];
  for (const [index, secret] of secrets.entries()) {
    const bytes = Buffer.byteLength(secret.trim());
    if (bytes >= SECRET_BYTES_MIN) patterns.push(...formsOf(secret));
    else if (bytes > 0)
      warnings.push(
        `secret ${index + 1} of ${secrets.length} has fewer than ${SECRET_BYTES_MIN} bytes: it is not masked in the log`,
      );
  }
  assertAtMost(
    patterns.map((pattern) => pattern.length),
    SECRET_FORMS_BYTES_MAX,
    "and their encoded forms have",
  );
  return { patterns, warnings };
}

function assertAtMost(sizes: readonly number[], max: number, verb: string): void {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > max)
    throw new DomainError("too_large", `the job's secrets ${verb} ${total} bytes; at most ${max} can be masked`);
}

function maskWith(automaton: Automaton): Pick<Masker, "write" | "end"> {
  let state = 0;
  let held: Buffer = NOTHING;
  let ranges: Range[] = [];
  /** The last byte sent was hidden, so that a run that goes on is not marked again. */
  let hiding = false;

  /** Sends `data` up to `until` and keeps the rest with its ranges. */
  const send = (data: Buffer, until: number): Buffer => {
    const parts: Buffer[] = [];
    let at = 0;
    for (const { start, end } of ranges) {
      if (start >= until) break;
      if (start > at) parts.push(data.subarray(at, start));
      if (start > at || !hiding) parts.push(MASK);
      hiding = true;
      at = Math.min(end, until);
    }
    if (at < until) {
      parts.push(data.subarray(at, until));
      hiding = false;
    }
    ranges = ranges
      .filter(({ end }) => end > until)
      .map(({ start, end }) => ({ start: Math.max(0, start - until), end: end - until }));
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  };

  return {
    write(chunk) {
      if (chunk.length === 0) return NOTHING;
      const data = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      state = scan(automaton, state, data, held.length, (start, end) => hide(ranges, start, end));
      const until = data.length - (automaton.depth[state] ?? 0);
      held = until === data.length ? NOTHING : Buffer.from(data.subarray(until));
      return send(data, until);
    },
    end() {
      const data = held;
      held = NOTHING;
      state = 0;
      return send(data, data.length);
    },
  };
}

/** Ends only grow, so a new range can only swallow the last ones. */
function hide(ranges: Range[], start: number, end: number): void {
  let from = start;
  for (let last = ranges.at(-1); last !== undefined && last.end >= from; last = ranges.at(-1)) {
    from = Math.min(from, last.start);
    ranges.pop();
  }
  ranges.push({ start: from, end });
}
