import { type BytePath, toBytePath } from "./path-bytes.ts";

/** Where Baton keeps what is its own, and what it was given in confidence: none of it belongs into a snapshot. */
export interface OwnPlaces {
  /** Real paths, as those of `files`. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** Says of a path of a tree whether it is one of those, or in one. */
export type IsOwn = (path: BytePath) => boolean;

/** A run's own folder, of this process or another: its name, and what is in it from its first moment on. */
const RUN_FOLDER = /^(?:.*\/)?baton-run-[A-Za-z0-9]{6}(?=\/(?:lock$|state\/|source\.git\/))/;
const RUNNER_FOLDER = /^(?:.*\/)?runner-[A-Za-z0-9]{6}(?=\/lock$)/;
/** Each of them beside a `lock` makes a state folder of a control plane. */
const STATE_FILES = ["stack.json", "signing-key"];

/** `paths` are those of the tree that may be new: a state folder may stand anywhere, and has no name of its own. */
export function findOwn(root: string, places: OwnPlaces, paths: Iterable<BytePath>): IsOwn {
  const own = new Set<BytePath>(findFolders(paths));
  const base = root === "/" ? root : `${root}/`;
  for (const place of [...places.folders, ...places.files])
    if (place.startsWith(base)) own.add(toBytePath(place.slice(base.length)));
  return own.size === 0 ? () => false : (path) => isWithin(own, path);
}

function findFolders(paths: Iterable<BytePath>): BytePath[] {
  const locked = new Set<BytePath>();
  const stated = new Set<BytePath>();
  const found = new Set<BytePath>();
  for (const path of paths) {
    const at = path.lastIndexOf("/");
    const name = path.slice(at + 1);
    if (at > 0 && name === "lock") locked.add(path.slice(0, at));
    if (at > 0 && STATE_FILES.includes(name)) stated.add(path.slice(0, at));
    const folder = (RUN_FOLDER.exec(path) ?? RUNNER_FOLDER.exec(path))?.[0];
    if (folder !== undefined) found.add(folder);
  }
  return [...found, ...[...stated].filter((folder) => locked.has(folder))];
}

function isWithin(own: ReadonlySet<BytePath>, path: BytePath): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1))
    if (own.has(path.slice(0, end))) return true;
  return false;
}
