import {
  ARTIFACT_ENTRIES_MAX,
  ARTIFACT_RATIO_FROM_BYTES,
  ARTIFACT_RATIO_MAX,
  ARTIFACT_UNPACKED_BYTES_MAX,
} from "../domain/limits.ts";
import { ArchiveError } from "./archive-error.ts";

export interface UnpackLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Unpacked to packed, looked at from `ratioFromBytes` unpacked bytes on. */
  readonly ratioMax: number;
  readonly ratioFromBytes: number;
}

export const UNPACK_LIMITS: UnpackLimits = {
  entriesMax: ARTIFACT_ENTRIES_MAX,
  bytesMax: ARTIFACT_UNPACKED_BYTES_MAX,
  ratioMax: ARTIFACT_RATIO_MAX,
  ratioFromBytes: ARTIFACT_RATIO_FROM_BYTES,
};

/** Throws ArchiveError where the contents are more than an archive of that size may hold. */
export function checkLimits(entries: number, bytes: number, packedBytes: number, limits: UnpackLimits): void {
  if (entries > limits.entriesMax) throw new ArchiveError(`the archive has more than ${limits.entriesMax} entries`);
  if (bytes > limits.bytesMax) throw new ArchiveError(`the archive unpacks to more than ${limits.bytesMax} bytes`);
  if (bytes > limits.ratioFromBytes && bytes > packedBytes * limits.ratioMax)
    throw new ArchiveError(`the archive unpacks to more than ${limits.ratioMax} times its size`);
}
