import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";

/**
 * The oracle's own record: a file outside of Baton to which every step appends lines, `<run> <job> <fence> <nonce> <sign>
 * <ms>`. A nonce is one execution. A line is shorter than PIPE_BUF and appended at once, so lines never mix.
 */

export const SIGNS = ["start", "alive", "end"] as const;

export interface Sign {
  readonly run: string;
  readonly job: string;
  readonly fence: number;
  readonly nonce: string;
  readonly sign: (typeof SIGNS)[number];
  readonly atMs: number;
}

const lineSchema = z.tuple([z.string(), z.string(), z.coerce.number(), z.string(), z.enum(SIGNS), z.coerce.number()]);

/** Lines of sh that define `nonce` and `say SIGN`. */
export const SAY = [
  `nonce=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')`,
  `say() { printf '%s %s %s %s %s %s\\n' "$BATON_RUN_ID" "$BATON_JOB_ID" "$BATON_FENCE" "$nonce" "$1" "$(date +%s%3N)" >> "$WITNESS"; }`,
] as const;

export function readWitness(file: string): Sign[] {
  if (!existsSync(file)) return [];
  return parseWitness(readFileSync(file, "utf8"));
}

export function parseWitness(text: string): Sign[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [run, job, fence, nonce, sign, atMs] = lineSchema.parse(line.split(" "));
      return { run, job, fence, nonce, sign, atMs };
    });
}
