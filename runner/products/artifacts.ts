import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ARTIFACT_BYTES_MAX } from "../../shared/domain/limits.ts";
import { UNPACK_LIMITS } from "../../shared/lib/archive-limits.ts";
import { removeFile } from "../../shared/lib/remove-tree.ts";
import { runInThread } from "../../shared/lib/run-in-thread.ts";
import type { Artifact } from "../../shared/protocol/products.ts";
import type { Collected, Collecting } from "./collect/collect.ts";

/** All artifacts of a job are one archive of this name. */
const ARTIFACT_ARCHIVE = "artifacts.tar.gz";

export interface CollectedArtifacts {
  /** Absent where nothing is kept. `file` stands in the spool folder until the caller removes it. */
  readonly archive: { readonly file: string; readonly artifact: Artifact } | undefined;
  /** Paths that match nothing, and how much of what they match is not kept: a line for each, the first of them by name. */
  readonly warnings: readonly string[];
  /** How much was matched and is not kept. */
  readonly missed: number;
}

/**
 * Packs what a job's globs match: regular files, and symbolic links that stay inside. Anything else, and whatever cannot be
 * read, is named and costs the rest nothing. The same content gives the same bytes. Throws ThreadError where the archive
 * itself cannot be written.
 */
export async function collectArtifacts(options: {
  readonly workspace: string;
  /** Where the steps saw it; the same where absent. */
  readonly seenAs?: string;
  readonly patterns: readonly string[];
  readonly spoolDir: string;
  readonly signal?: AbortSignal;
  readonly bytesMax?: number;
}): Promise<CollectedArtifacts> {
  const { workspace, seenAs = workspace, patterns, spoolDir, signal, bytesMax = ARTIFACT_BYTES_MAX } = options;
  const file = join(spoolDir, ARTIFACT_ARCHIVE);
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const collecting: Collecting = { workspace, seenAs, patterns, file, bytesMax, limits: UNPACK_LIMITS };
  try {
    const module = new URL("./collect/main.ts", import.meta.url);
    const collected = await runInThread<Collected>(module, collecting, signal);
    const { packed, missedCount: missed } = collected;
    const archive =
      packed === undefined
        ? undefined
        : { file, artifact: { name: ARTIFACT_ARCHIVE, kind: "archive" as const, ...packed } };
    return { archive, warnings: linesOf(collected), missed };
  } catch (error) {
    await removeFile(file);
    throw error;
  }
}

function linesOf({ packed, warnings, missedCount, missed }: Collected): string[] {
  if (missedCount === 0) return [...warnings];
  const all = missedCount + (packed?.files ?? 0);
  const rest = missedCount - missed.length;
  // First, for what comes last is the first to be cut.
  return [
    `artifacts: ${missedCount} of the ${all} that the paths match ${missedCount === 1 ? "is" : "are"} not kept`,
    ...warnings,
    ...missed.map(({ name, why }) => `artifact ${name} is not kept: ${why}`),
    ...(rest > 0 ? [`artifacts: ${rest} more that are not kept are not named`] : []),
  ];
}
