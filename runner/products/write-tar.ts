import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { Header, type HeaderData, Pax } from "tar";

const BLOCK_BYTES = 512;
const READ_BYTES_MAX = 256 * 1_024;
/** The same content gives the same archive, whenever and by whomever it is made. */
const EPOCH = new Date(0);

/** One file or symbolic link of an archive. */
export type TarMember =
  | {
      readonly type: "file";
      readonly path: string;
      readonly source: string;
      readonly executable: boolean;
      readonly bytes: number;
    }
  | { readonly type: "link"; readonly path: string; readonly target: string };

/** The blocks of a tar in the members' order. Throws where a file changes its size or becomes something else on the way. */
export async function* writeTar(members: readonly TarMember[]): AsyncGenerator<Buffer> {
  for (const member of members) {
    yield* headerOf(member);
    if (member.type === "file") yield* contentOf(member);
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

function* headerOf(member: TarMember): Generator<Buffer> {
  const data: HeaderData =
    member.type === "file"
      ? { path: member.path, type: "File", size: member.bytes, mode: member.executable ? 0o755 : 0o644, mtime: EPOCH }
      : { path: member.path, type: "SymbolicLink", linkpath: member.target, size: 0, mode: 0o777, mtime: EPOCH };
  const block = Buffer.alloc(BLOCK_BYTES);
  const header = new Header(data);
  // A name or size that does not fit the old header's fields goes before it, in a pax header without times or owners.
  if (header.encode(block)) {
    const { path, linkpath, size } = data;
    yield new Pax({
      ...(path === undefined ? {} : { path }),
      ...(linkpath === undefined ? {} : { linkpath }),
      ...(size === undefined ? {} : { size }),
    }).encode();
  }
  yield block;
}

async function* contentOf(member: TarMember & { type: "file" }): AsyncGenerator<Buffer> {
  // Never through a link that has taken the file's place since it was looked at.
  const file = await open(member.source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size !== member.bytes) throw new Error(`${member.path} changed while it was archived`);
    let left = member.bytes;
    while (left > 0) {
      const chunk = Buffer.allocUnsafe(Math.min(left, READ_BYTES_MAX));
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) break;
      left -= bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
    if (left !== 0) throw new Error(`${member.path} shrank while it was archived`);
  } finally {
    await file.close();
  }
  yield Buffer.alloc((BLOCK_BYTES - (member.bytes % BLOCK_BYTES)) % BLOCK_BYTES);
}
