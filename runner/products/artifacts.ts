import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { lstat, mkdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { DomainError } from "../../shared/domain/errors.ts";
import { ARTIFACT_BYTES_MAX } from "../../shared/domain/limits.ts";
import { checkLimits, UNPACK_LIMITS } from "../../shared/lib/archive.ts";
import { isSafeLink } from "../../shared/lib/archive-path.ts";
import { removeFile } from "../../shared/lib/remove-tree.ts";
import type { Artifact } from "../../shared/protocol/products.ts";
import { ARTIFACT_GZIP_LEVEL } from "./limits.ts";
import { matchFiles } from "./match-files.ts";
import { type TarMember, writeTar } from "./write-tar.ts";

/** All artifacts of a job are one archive of this name. */
const ARTIFACT_ARCHIVE = "artifacts.tar.gz";

export interface CollectedArtifacts {
  /** Absent where nothing matched. `file` stands in the spool folder until the caller removes it. */
  readonly archive: { readonly file: string; readonly artifact: Artifact } | undefined;
  /** Paths that match nothing, and what was not kept. */
  readonly warnings: readonly string[];
}

/**
 * Packs what a job's globs match: regular files and symbolic links that stay inside; anything else is warned about and
 * not kept. The same content gives the same bytes. Throws DomainError where a glob leaves the workspace or the archive
 * is too large (or could not be unpacked again).
 */
export async function collectArtifacts(options: {
  readonly workspace: string;
  readonly patterns: readonly string[];
  readonly spoolDir: string;
  readonly signal?: AbortSignal;
  readonly bytesMax?: number;
}): Promise<CollectedArtifacts> {
  const { paths, warnings: unmatched } = await matchFiles(options.workspace, options.patterns, options.signal);
  const members: TarMember[] = [];
  const warnings = [...unmatched];
  for (const path of paths) {
    const member = await memberOf(options.workspace, path);
    if (typeof member === "string") warnings.push(member);
    else members.push(member);
  }
  if (members.length === 0) return { archive: undefined, warnings };
  const file = join(options.spoolDir, ARTIFACT_ARCHIVE);
  await mkdir(options.spoolDir, { recursive: true, mode: 0o700 });
  try {
    const packed = await pack(members, file, options.bytesMax ?? ARTIFACT_BYTES_MAX, options.signal);
    const unpackedBytes = members.reduce((sum, member) => sum + (member.type === "file" ? member.bytes : 0), 0);
    checkLimits(members.length, unpackedBytes, packed.bytes, UNPACK_LIMITS);
    const artifact: Artifact = { name: ARTIFACT_ARCHIVE, kind: "archive", files: members.length, ...packed };
    return { archive: { file, artifact }, warnings };
  } catch (error) {
    await removeFile(file);
    throw error;
  }
}

/** The member, or why there is none. */
async function memberOf(workspace: string, path: string): Promise<TarMember | string> {
  const source = join(workspace, path);
  const found = await lstat(source);
  if (found.isFile()) return { type: "file", path, source, executable: (found.mode & 0o100) !== 0, bytes: found.size };
  if (!found.isSymbolicLink()) return `artifact ${path} is no file: not kept`;
  const target = await readlink(source);
  return isSafeLink(path, target)
    ? { type: "link", path, target }
    : `artifact ${path} is a link that leads out: not kept`;
}

async function pack(members: readonly TarMember[], file: string, bytesMax: number, signal: AbortSignal | undefined) {
  const hash = createHash("sha256");
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > bytesMax ? new DomainError("too_large", `the artifacts exceed ${bytesMax} bytes`) : null, chunk);
    },
  });
  const gzip = createGzip({ level: ARTIFACT_GZIP_LEVEL, chunkSize: 256 * 1_024 });
  const target = createWriteStream(file, { flags: "w", mode: 0o600 });
  await pipeline(writeTar(members), gzip, count, target, ...(signal === undefined ? [] : [{ signal }]));
  return { bytes, sha256: hash.digest("hex") };
}
