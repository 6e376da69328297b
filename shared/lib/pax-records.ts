import { isUtf8 } from "node:buffer";
import { ArchiveError } from "./archive-error.ts";
import { bytesOf, nameOf } from "./byte-path.ts";

/**
 * The records of a pax header, by bytes: node-tar reads and writes them as UTF-8, which file names need not be
 * (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html, "pax Extended Header").
 */
export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const SPACE = 0x20;
/** Says that values are bytes of no particular alphabet. Only where they are: most tools know it, and GNU tar ignores it. */
const BINARY = record("hdrcharset", Buffer.from("BINARY"));

/** Paths are as `byte-path.ts` has them. */
export function encodePax({ path, linkpath }: Omit<PaxRecords, "size">): Buffer {
  const values = [
    ["path", path],
    ["linkpath", linkpath],
  ] as const;
  const present = values.flatMap(([key, value]) => (value === undefined ? [] : [{ key, bytes: bytesOf(value) }]));
  const isBinary = present.some(({ bytes }) => !isUtf8(bytes));
  return Buffer.concat([...(isBinary ? [BINARY] : []), ...present.map(({ key, bytes }) => record(key, bytes))]);
}

/** Keys that Baton does not need are passed over. Throws ArchiveError where the records do not add up. */
export function parsePax(bytes: Buffer): PaxRecords {
  const found: { path?: string; linkpath?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const equals = bytes.indexOf(EQUALS, at);
    const length = Number(bytes.subarray(at, space).toString("latin1"));
    const end = at + length;
    if (space < 0 || equals < space || !Number.isSafeInteger(length) || end <= equals || bytes[end - 1] !== NEWLINE)
      throw new ArchiveError("the archive is damaged: an extended header does not add up");
    const value = bytes.subarray(equals + 1, end - 1);
    const key = bytes.subarray(space + 1, equals).toString("latin1");
    if (key === "path" || key === "linkpath") found[key] = nameOf(value);
    if (key === "size") found.size = Number(value.toString("latin1"));
    at = end;
  }
  return found;
}

/** `"%d %s=%s\n"`: the length counts its own digits. */
function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
