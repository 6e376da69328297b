import { Header } from "tar";
import { bytesOf } from "../../shared/lib/byte-path.ts";
import { encodePax } from "../../shared/lib/pax-records.ts";
import { BLOCK_BYTES, padded } from "../../shared/lib/read-tar.ts";

/** The same content gives the same archive, whenever and by whomever it is made. */
const EPOCH = new Date(0);
/** What the old header has room for. */
const NAME_BYTES_MAX = 100;

/** One file or symbolic link of an archive; paths are in the form of `byte-path.ts`. */
export type TarMember =
  | { readonly type: "file"; readonly path: string; readonly executable: boolean; readonly bytes: number }
  | { readonly type: "link"; readonly path: string; readonly target: string };

/** The blocks before a member's content. What does not fit the old header stands before it in a pax header. */
export function tarHeader(member: TarMember): Buffer {
  const path = fitted(member.path);
  const target = member.type === "link" ? fitted(member.target) : undefined;
  const block =
    member.type === "file"
      ? blockOf({ path: path.shown, type: "File", size: member.bytes, mode: member.executable ? 0o755 : 0o644 })
      : blockOf({ path: path.shown, type: "SymbolicLink", size: 0, mode: 0o777, linkpath: target?.shown ?? "" });
  if (path.whole && target?.whole !== false) return block;
  const records = encodePax({
    ...(path.whole ? {} : { path: member.path }),
    ...(member.type === "file" || target?.whole !== false ? {} : { linkpath: member.target }),
  });
  const header = blockOf({ path: "PaxHeader", type: "ExtendedHeader", size: records.length, mode: 0o644 });
  return Buffer.concat([header, records, tarPadding(records.length), block]);
}

/** What fills a content of that length up to whole blocks. */
export const tarPadding = (bytes: number): Buffer => Buffer.alloc(padded(bytes) - bytes);

export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

/** The name itself where every tool reads it alike, else one that is shown by tools that know no pax headers. */
function fitted(name: string): { readonly shown: string; readonly whole: boolean } {
  if (/^[\x20-\x7e]*$/.test(name) && name.length <= NAME_BYTES_MAX) return { shown: name, whole: true };
  const shown = bytesOf(name)
    .toString("latin1")
    .replace(/[^\x20-\x7e]/g, "_")
    .slice(-NAME_BYTES_MAX)
    .replace(/^\/+/, "");
  return { shown, whole: false };
}

function blockOf(data: {
  readonly path: string;
  readonly type: "File" | "SymbolicLink" | "ExtendedHeader";
  readonly size: number;
  readonly mode: number;
  readonly linkpath?: string;
}): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  new Header({ ...data, mtime: EPOCH }).encode(block);
  return block;
}
