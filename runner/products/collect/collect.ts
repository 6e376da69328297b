import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { UnpackLimits } from "../../../shared/lib/archive-limits.ts";
import { isSafeLink } from "../../../shared/lib/archive-path.ts";
import { bytesOf, nameOf, onDisk, printName } from "../../../shared/lib/byte-path.ts";
import { fileTrouble } from "../../../shared/lib/file-trouble.ts";
import { systemCode } from "../../../shared/lib/system-code.ts";
import { ARTIFACT_PATH_BYTES_MAX, MISSED_SHOWN_MAX } from "../limits.ts";
import { type Missed, matchFiles } from "../match-files.ts";
import type { TarMember } from "../write-tar.ts";
import { type Packed, packMembers } from "./pack-members.ts";

/** Collecting itself: blocking calls, in a thread of their own. */

export interface Collecting {
  readonly workspace: string;
  /** Its path as the steps saw it. */
  readonly seenAs: string;
  readonly patterns: readonly string[];
  /** The archive; its folder is there. */
  readonly file: string;
  readonly bytesMax: number;
  readonly limits: UnpackLimits;
}

export interface Collected {
  /** Absent where nothing is kept: there is no file then. */
  readonly packed: Packed | undefined;
  /** Patterns that match nothing. */
  readonly warnings: readonly string[];
  /** How many files, folders or links were matched and are not kept, and the first of them, for people. */
  readonly missedCount: number;
  readonly missed: readonly { readonly name: string; readonly why: string }[];
}

/** Throws what the file system says of the archive itself: a full disk. What it says of one member costs that one alone. */
export function collect({ workspace, seenAs, patterns, file, bytesMax, limits }: Collecting): Collected {
  const matches = matchFiles(workspace, patterns);
  const missed: Missed[] = [...matches.missed];
  const members: TarMember[] = [];
  for (const path of matches.paths) {
    const member = memberOf(workspace, seenAs, path);
    if ("why" in member) missed.push(member);
    else if (members.length < limits.entriesMax) members.push(member);
    else missed.push({ path, why: `an archive has at most ${limits.entriesMax} files` });
  }
  const packed = packMembers({ workspace, members, file, bytesMax, limits, miss: (one) => missed.push(one) });
  return {
    packed,
    warnings: matches.warnings,
    missedCount: missed.length,
    missed: missed.slice(0, MISSED_SHOWN_MAX).map(({ path, why }) => ({ name: printName(path), why })),
  };
}

/** The member, or why there is none. */
function memberOf(workspace: string, seenAs: string, path: string): TarMember | Missed {
  const length = bytesOf(path).length;
  if (length > ARTIFACT_PATH_BYTES_MAX)
    return { path, why: `its path has ${length} bytes, and at most ${ARTIFACT_PATH_BYTES_MAX} are kept` };
  const place = onDisk(join(workspace, path));
  try {
    const found = lstatSync(place);
    if (found.isFile()) return { type: "file", path, executable: (found.mode & 0o100) !== 0, bytes: found.size };
    if (!found.isSymbolicLink()) return { path, why: `it is ${kindOf(found)}, and no file` };
    const target = nameOf(readlinkSync(place, { encoding: "buffer" }));
    const kept = withinWorkspace(path, target, seenAs);
    if (isSafeLink(path, kept)) return { type: "link", path, target: kept };
    return { path, why: `it is a link that leads out, to ${printName(target)}` };
  } catch (error) {
    return { path, why: systemCode(error) === "ENOENT" ? "it vanished" : fileTrouble(error) };
  }
}

/** A link by an absolute path to what is in the workspace leads to the same file in every other one, once it is relative. */
function withinWorkspace(path: string, target: string, seenAs: string): string {
  const root = nameOf(Buffer.from(seenAs));
  if (target !== root && !target.startsWith(`${root}/`)) return target;
  // Not made shorter: a `..` in it would climb out of wherever another link leads.
  return `${"../".repeat(path.split("/").length - 1)}${target.slice(root.length + 1)}` || ".";
}

function kindOf(found: ReturnType<typeof lstatSync> & object): string {
  if (found.isSocket()) return "a socket";
  if (found.isFIFO()) return "a named pipe";
  if (found.isBlockDevice() || found.isCharacterDevice()) return "a device";
  return "something else";
}
