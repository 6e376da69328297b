import {
  chmodSync,
  closeSync,
  constants,
  type Dir,
  type Dirent,
  existsSync,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readFileSync,
  statSync,
} from "node:fs";

/**
 * A folder held by a descriptor, so that neither a rename, nor a link, nor a mount above it can put another in its
 * place, and no path below it is too long. Where there is no Linux /proc it is held by its path alone.
 */
export interface PinnedFolder {
  /** The path of an entry, for `node:fs`. */
  at(name: string): string | Buffer;
  /** The mount that it lies in. Bind mounts of one file system share a device, and not this. */
  readonly mount: string;
  readonly inode: bigint;
  /** The folder above. This one stays open. */
  above(): PinnedFolder;
  /** What is in it, read in portions. Entries may be removed meanwhile. */
  entries(): Iterable<Entry>;
  /** Gives the owner all rights to it. */
  unlock(): void;
  close(): void;
}

export interface Entry {
  readonly name: string;
  readonly isFolder: boolean;
}

/** Names are bytes, not always UTF-8: here each byte is one character. */
export const NAME_BYTES = "latin1";

/** Linux: holds a place without opening what is there, so that no file system behind a mount is waited for (open(2)). */
const O_PATH = 0x20_0000;
const PIN = O_PATH | constants.O_DIRECTORY;
const ENTRIES_AT_ONCE = 256;
const OWNER_ALL = 0o700;

const hasDescriptors = process.platform === "linux" && existsSync("/proc/self/fdinfo/0");

/** Holds a folder. Links on the way to it are followed; one in its place is not, unless `follow`. */
export function pinFolder(path: string | Buffer, follow = false): PinnedFolder {
  return hasDescriptors ? pinByDescriptor(path, follow) : pinByPath(path, follow);
}

function pinByDescriptor(path: string | Buffer, follow: boolean): PinnedFolder {
  const fd = openSync(path, follow ? PIN : PIN | constants.O_NOFOLLOW);
  const here = `/proc/self/fd/${fd}`;
  const at = (name: string) => pathOf(`${here}/${name}`);
  try {
    return {
      at,
      mount: /^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1] ?? "",
      inode: fstatSync(fd, { bigint: true }).ino,
      above: () => pinByDescriptor(at(".."), false),
      entries: () => entriesOf(here),
      unlock: () => chmodSync(here, fstatSync(fd).mode | OWNER_ALL),
      close: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function pinByPath(path: string | Buffer, follow: boolean): PinnedFolder {
  const here = Buffer.from(path).toString(NAME_BYTES);
  const at = (name: string) => pathOf(`${here}/${name}`);
  const found = follow ? statSync(path, { bigint: true }) : lstatSync(path, { bigint: true });
  if (!found.isDirectory()) throw Object.assign(new Error("not a folder"), { code: "ENOTDIR" });
  return {
    at,
    mount: String(found.dev),
    inode: found.ino,
    above: () => pinByPath(at(".."), false),
    entries: () => entriesOf(path),
    unlock: () => chmodSync(path, Number(found.mode) | OWNER_ALL),
    close: () => undefined,
  };
}

/** Text where that is the same bytes: it is faster. */
function pathOf(bytes: string): string | Buffer {
  return IS_ASCII.test(bytes) ? bytes : Buffer.from(bytes, NAME_BYTES);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a name may hold any byte.
const IS_ASCII = /^[\x00-\x7f]*$/;

function entriesOf(path: string | Buffer): Iterable<Entry> {
  // The types of opendir want text for a path; it takes bytes as all of node:fs does.
  return readAll(opendirSync(path as string, { encoding: NAME_BYTES, bufferSize: ENTRIES_AT_ONCE }));
}

function* readAll(folder: Dir): Iterable<Entry> {
  try {
    for (let entry: Dirent | null = folder.readSync(); entry !== null; entry = folder.readSync())
      yield { name: entry.name, isFolder: entry.isDirectory() };
  } finally {
    folder.closeSync();
  }
}
