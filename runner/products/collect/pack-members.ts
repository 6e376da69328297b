import { createHash, type Hash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ArchiveError } from "../../../shared/lib/archive-error.ts";
import { checkLimits, type UnpackLimits } from "../../../shared/lib/archive-limits.ts";
import { onDisk } from "../../../shared/lib/byte-path.ts";
import { fileTrouble } from "../../../shared/lib/file-trouble.ts";
import { removeFileNow } from "../../../shared/lib/remove-tree.ts";
import { systemCode } from "../../../shared/lib/system-code.ts";
import { ARTIFACT_GZIP_LEVEL, PACK_PIECE_BYTES, PACK_PROBE_BYTES, PACK_SMALL_BYTES_MAX } from "../limits.ts";
import type { Missed } from "../match-files.ts";
import { TAR_END, type TarMember, tarHeader, tarPadding } from "../write-tar.ts";

/**
 * Packs files so that each can still be left out while it is read. The archive is a row of gzip members (RFC 1952, 2.2),
 * each of a few megabytes: small files share one, and are in it only once they were read whole; a large file has its
 * own, and where it goes wrong the archive is cut back to where that file began.
 */

export interface Packed {
  readonly files: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Kept for the blocks at the archive's end. */
const END_BYTES = 64;
/** What packs no better than this is not packed again and again in vain. */
const WORTH_PACKING = 0.97;

/** A file that is not kept, and why. It is caught here: one costs the others nothing. */
class MemberTrouble extends Error {
  override readonly name = "MemberTrouble";
}

interface Packing {
  readonly workspace: string;
  readonly members: readonly TarMember[];
  readonly file: string;
  readonly bytesMax: number;
  readonly limits: UnpackLimits;
  readonly miss: (missed: Missed) => void;
}

/** Undefined where no member could be kept. Throws what the file system says of the archive. */
export function packMembers({ workspace, members, file, bytesMax, limits, miss }: Packing): Packed | undefined {
  const archive = openArchive(file, bytesMax - END_BYTES, limits);
  try {
    for (const member of members) {
      try {
        if (member.type === "link") archive.addSmall(member, undefined);
        else if (member.bytes > limits.bytesMax) throw new MemberTrouble(`it has more than ${limits.bytesMax} bytes`);
        else if (member.bytes <= PACK_SMALL_BYTES_MAX) archive.addSmall(member, readSmall(workspace, member));
        else archive.addLarge(member, workspace);
      } catch (error) {
        if (!(error instanceof MemberTrouble)) throw error;
        miss({ path: member.path, why: error.message });
      }
    }
    return archive.end(miss);
  } finally {
    archive.close();
  }
}

type FileMember = TarMember & { readonly type: "file" };

function openArchive(file: string, bytesMax: number, limits: UnpackLimits) {
  const target = openSync(file, "w", 0o600);
  let hash = createHash("sha256");
  let files = 0;
  /** Of all members that are kept. */
  let unpacked = 0;
  /** Bytes of the archive. */
  let bytes = 0;
  let small = emptyBatch();
  const dropped: Missed[] = [];

  const write = (raw: readonly Buffer[], level: number): number => {
    const packed = gzipSync(Buffer.concat(raw), { level });
    if (bytes + packed.length > bytesMax) throw new MemberTrouble(`all artifacts together exceed ${bytesMax} bytes`);
    writeFully(target, packed, bytes);
    hash.update(packed);
    bytes += packed.length;
    return packed.length;
  };
  const cutBack = (mark: { readonly bytes: number; readonly hash: Hash }): void => {
    ftruncateSync(target, mark.bytes);
    bytes = mark.bytes;
    hash = mark.hash;
  };
  const flush = (): void => {
    const batch = small;
    small = emptyBatch();
    if (batch.raw.length === 0) return;
    try {
      write(batch.raw, ARTIFACT_GZIP_LEVEL);
      files += batch.paths.length;
      unpacked += batch.unpacked;
    } catch (error) {
      if (!(error instanceof MemberTrouble)) throw error;
      dropped.push(...batch.paths.map((path) => ({ path, why: error.message })));
    }
  };
  const roomFor = (more: number): void => {
    if (unpacked + small.unpacked + more > limits.bytesMax)
      throw new MemberTrouble(`all artifacts together exceed ${limits.bytesMax} bytes before they are packed`);
  };

  return {
    addSmall(member: TarMember, content: Buffer | undefined) {
      const size = content?.length ?? 0;
      roomFor(size);
      small.raw.push(tarHeader(member.type === "file" ? { ...member, bytes: size } : member));
      if (content !== undefined && size > 0) small.raw.push(content, tarPadding(size));
      small.paths.push(member.path);
      small.unpacked += size;
      small.bytes += size;
      if (small.bytes >= PACK_PIECE_BYTES || small.paths.length >= 10_000) flush();
    },
    /** In pieces, so that memory holds only one. */
    addLarge(member: FileMember, workspace: string) {
      flush();
      roomFor(member.bytes);
      const mark = { bytes, hash: hash.copy() };
      try {
        let level = ARTIFACT_GZIP_LEVEL;
        let before: readonly Buffer[] = [tarHeader(member)];
        for (const piece of piecesOf(workspace, member)) {
          const size = write([...before, piece], level);
          if (size > (piece.length + 2_048) * WORTH_PACKING && piece.length >= PACK_PROBE_BYTES) level = 0;
          before = [];
        }
        write([tarPadding(member.bytes)], ARTIFACT_GZIP_LEVEL);
        refuseBomb(files + 1, unpacked + member.bytes, bytes, limits);
      } catch (error) {
        cutBack(mark);
        throw error;
      }
      files += 1;
      unpacked += member.bytes;
    },
    end(miss: (missed: Missed) => void): Packed | undefined {
      flush();
      for (const one of dropped) miss(one);
      if (files === 0) return undefined;
      const packed = gzipSync(TAR_END, { level: ARTIFACT_GZIP_LEVEL });
      writeFully(target, packed, bytes);
      return { files, bytes: bytes + packed.length, sha256: hash.update(packed).digest("hex") };
    },
    close() {
      closeSync(target);
      if (files === 0) removeFileNow(file);
    },
  };
}

const emptyBatch = () => ({ raw: [] as Buffer[], paths: [] as string[], unpacked: 0, bytes: 0 });

/** What could not be unpacked again is not packed. */
function refuseBomb(files: number, unpacked: number, packed: number, limits: UnpackLimits): void {
  try {
    checkLimits(files, unpacked, packed, limits);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new MemberTrouble(`with it, ${error.message}`);
  }
}

/** All of a small file, as it was at one moment. */
function readSmall(workspace: string, member: FileMember): Buffer {
  return withFile(workspace, member, (file) => {
    const content = Buffer.allocUnsafe(member.bytes);
    if (readFully(file, content) !== content.length) throw new MemberTrouble("it changed while it was read");
    return content;
  });
}

function* piecesOf(workspace: string, member: FileMember): Generator<Buffer> {
  const opened = openMember(workspace, member);
  try {
    const buffer = Buffer.allocUnsafe(PACK_PIECE_BYTES);
    for (let at = 0; at < member.bytes; ) {
      // The first piece is a short one: it tells whether the file can be packed at all.
      const wanted = Math.min(member.bytes - at, at === 0 ? PACK_PROBE_BYTES : PACK_PIECE_BYTES);
      const piece = buffer.subarray(0, wanted);
      if (reading(() => readFully(opened.file, piece)) !== wanted)
        throw new MemberTrouble("it changed while it was read");
      at += wanted;
      yield piece;
    }
    opened.assertUnchanged();
  } finally {
    closeSync(opened.file);
  }
}

function withFile<T>(workspace: string, member: FileMember, read: (file: number) => T): T {
  const opened = openMember(workspace, member);
  try {
    const value = reading(() => read(opened.file));
    opened.assertUnchanged();
    return value;
  } finally {
    closeSync(opened.file);
  }
}

function openMember(workspace: string, member: FileMember) {
  // Never through a link that has taken the file's place since it was looked at, and never waiting for a pipe's writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = reading(() => openSync(onDisk(join(workspace, member.path)), flags));
  const before = fstatSync(file, { bigint: true });
  const isSame = (now: BigIntStats) =>
    now.isFile() && now.size === BigInt(member.bytes) && now.mtimeNs === before.mtimeNs;
  const assertUnchanged = () => {
    if (!isSame(fstatSync(file, { bigint: true }))) throw new MemberTrouble("it changed while it was read");
  };
  if (isSame(before)) return { file, assertUnchanged };
  closeSync(file);
  throw new MemberTrouble("it changed while it was read");
}

/** What the file system says of one file is that file's trouble. */
function reading<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new MemberTrouble(VANISHED.has(code) ? "it vanished, or became something else" : fileTrouble(error));
  }
}

const VANISHED = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/** At its place: where an archive was cut back, the file's own position is still behind it. */
function writeFully(file: number, data: Buffer, position: number): void {
  for (let at = 0; at < data.length; ) at += writeSync(file, data, at, data.length - at, position + at);
}

function readFully(file: number, into: Buffer): number {
  let at = 0;
  for (let count = -1; at < into.length && count !== 0; at += count)
    count = readSync(file, into, at, into.length - at, null);
  return at;
}
