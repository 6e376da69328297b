import { createHash } from "node:crypto";
import { LOG_INDEX_INLINE_MAX } from "../../shared/domain/limits.ts";
import type { SignedRequest, UploadFile } from "../../shared/protocol/leases.ts";
import type { LogChunk, LogGap, LogSeal } from "../../shared/protocol/products.ts";
import { type Put, sendObject } from "./send-object.ts";

/**
 * Makes the seal: a short index stands in it, a longer one becomes the object `log-index` (JSON, as `logIndexSchema`
 * says). Chunks and gaps tile [0, bytes). Never throws: an index that cannot be stored is said to be lost.
 */
export async function sealLog(options: {
  readonly bytes: number;
  readonly chunks: readonly LogChunk[];
  readonly gaps: readonly LogGap[];
  readonly ask: (files: UploadFile[]) => Promise<readonly SignedRequest[]>;
  readonly put: Put;
  readonly signal: AbortSignal;
}): Promise<LogSeal> {
  const chunks = [...options.chunks].sort((a, b) => a.offset - b.offset);
  const gaps = mergeGaps(options.gaps);
  const seal = {
    bytes: options.bytes,
    lostBytes: gaps.reduce((sum, gap) => sum + gap.bytes, 0),
    chunkCount: chunks.length,
  };
  if (chunks.length <= LOG_INDEX_INLINE_MAX && gaps.length <= LOG_INDEX_INLINE_MAX)
    return { ...seal, index: { kind: "inline", chunks, gaps } };
  const object = Buffer.from(JSON.stringify({ chunks, gaps }));
  const file: UploadFile = { kind: "log-index", bytes: object.length, sha256: sha256Of(object) };
  const ask = async () => {
    const [link] = await options.ask([file]);
    if (link === undefined) throw new Error("the control plane sent no link for the log's index");
    return link;
  };
  const sent = await sendObject({ put: options.put, object, link: undefined, ask, signal: options.signal });
  if (sent.kind === "lost") return { ...seal, index: { kind: "lost" } };
  return { ...seal, index: { kind: "object", sha256: file.sha256, bytes: file.bytes } };
}

/** In order of offset; neighbours with the same reason become one. */
function mergeGaps(gaps: readonly LogGap[]): LogGap[] {
  const merged: LogGap[] = [];
  for (const gap of [...gaps].sort((a, b) => a.offset - b.offset)) {
    const last = merged.at(-1);
    if (last !== undefined && last.reason === gap.reason && last.offset + last.bytes === gap.offset)
      merged[merged.length - 1] = { ...last, bytes: last.bytes + gap.bytes };
    else merged.push(gap);
  }
  return merged;
}

export function sha256Of(object: Buffer): string {
  return createHash("sha256").update(object).digest("hex");
}
