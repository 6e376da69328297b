import { dirname, join, relative } from "node:path";
import { fstabLine, isWithin, type Mount, mountOf, mountsWithin } from "./mounts.ts";

/**
 * Whose code runs inside. `own`: what the runner's user trusts, which sees the host but for what is hidden. `foreign`:
 * nobody's friend, which sees the system's programs and nothing else, and can write to nothing of the host.
 */
export type Trust = "own" | "foreign";

/** Where a step finds its folders, the same for every job of every slot on every host. */
export const INSIDE = {
  workspace: "/run/baton/workspace",
  home: "/run/baton/home",
  temporary: "/tmp",
  scripts: "/run/baton/scripts",
} as const;

/** The host as it was when the runner started. */
export interface HostView {
  readonly mounts: readonly Mount[];
  readonly topFolders: readonly string[];
  readonly topLinks: readonly string[];
  /** The system's folders and those of PATH that foreign code sees. */
  readonly system: readonly string[];
  /** Devices and files below /run that every step needs. */
  readonly files: readonly string[];
  /** Links below /dev and /run. */
  readonly links: readonly string[];
  /** Parts of /proc where the host's root could do harm by its id alone; empty for any other user. */
  readonly procReadOnly: readonly string[];
  readonly hasVarTmp: boolean;
  readonly uid: number;
  readonly gid: number;
}

export interface Hidden {
  readonly path: string;
  readonly isFolder: boolean;
}

export interface Walls {
  readonly hidden: readonly Hidden[];
  /** Of the host, what steps of any pool may read and not write. */
  readonly readOnly: readonly string[];
  /** What the operator gives to steps in spite of that. */
  readonly exposed: readonly Hidden[];
}

/** Where the new root is built: a folder of every Linux host that none of the bound folders contains. */
export const NEW_ROOT = "/dev/shm";

/** An attempt's folders on the host. */
export interface SandboxFolders {
  readonly workspace: string;
  readonly home: string;
  readonly temporary: string;
  readonly scripts: string;
}

export interface SandboxPlan {
  readonly fstab: string;
  /** Folders and files that mounts need, most of them in the new root. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly links: readonly string[];
}

/** Mounted over what is hidden: an empty folder, an empty file. */
const NOTHING = { folder: "/.none/folder", file: "/.none/file" } as const;

/** Plans the file system that an attempt's steps see. Pure: paths in, one fstab out. */
export function planSandbox(view: HostView, walls: Walls, trust: Trust, own: SandboxFolders): SandboxPlan {
  const isOwn = trust === "own";
  const seen = isOwn ? view.topFolders : view.system;
  const exposed = walls.exposed.map(({ path }) => path);
  const readOnly = isOwn ? walls.readOnly.filter(isBelow(seen)) : [];
  const hidden = walls.hidden.filter(({ path }) => isBelow([...seen, ...exposed])(path));
  const closed = isOwn ? readOnly : seen;
  const temporaries = view.hasVarTmp || !isOwn ? [INSIDE.temporary, "/var/tmp"] : [INSIDE.temporary];
  const lines = [
    ...[...seen, "/sys"].map((path) => bind(path, path, "rbind")),
    ...readOnly.map((path) => bind(inRoot(path), path, "rbind")),
    ...closed.flatMap((path) => remounts(view, path)),
    ...sysLines(view),
    fstabLine("baton-proc", inRoot("/proc"), "proc", "nosuid,nodev,noexec"),
    ...view.procReadOnly.map((path) => bind(inRoot(path), path, "bind,ro")),
    fstabLine("baton-pts", inRoot("/dev/pts"), "devpts", "newinstance,ptmxmode=0666,mode=620"),
    bind(inRoot("/dev/pts/ptmx"), "/dev/ptmx", "bind"),
    fstabLine("baton-shm", inRoot("/dev/shm"), "tmpfs", "mode=1777,nosuid,nodev"),
    ...view.files.map((path) => bind(path, path, path.startsWith("/dev/") ? "bind" : "bind,ro")),
    bind(own.workspace, INSIDE.workspace, "bind"),
    bind(own.home, INSIDE.home, "bind"),
    ...temporaries.map((path) => bind(own.temporary, path, "bind")),
    bind(own.scripts, INSIDE.scripts, "bind,ro"),
    ...walls.exposed.map(({ path, isFolder }) => bind(path, path, isFolder ? "rbind" : "bind")),
    ...(isOwn ? [] : exposed.flatMap((path) => remounts(view, path))),
    ...(isOwn ? pins([...hidden.map(({ path }) => path), ...readOnly], { seen, readOnly, exposed }) : []),
    ...hidden.map(({ path, isFolder }) => nothing(path, isFolder)),
    // Last: nothing can be made in it from here on.
    fstabLine("none", NEW_ROOT, "none", "remount,bind,ro,nosuid"),
  ];
  // What is exposed in a folder that is seen is there already; in /tmp it is made in the attempt's own.
  const added = walls.exposed.filter(({ path }) => !isBelow(seen)(path));
  const placeOf = (path: string) =>
    isWithin(path, INSIDE.temporary) ? join(own.temporary, relative(INSIDE.temporary, path)) : inRoot(path);
  const made = ["/proc", "/sys", "/dev/pts", "/dev/shm", ...Object.values(INSIDE), ...seen];
  const madeTemporaries = isBelow(seen)("/var") ? [] : temporaries;
  return {
    fstab: lines.join(""),
    folders: [
      ...[NOTHING.folder, ...made, ...madeTemporaries].map(inRoot),
      ...added.filter(({ isFolder }) => isFolder).map(({ path }) => placeOf(path)),
    ],
    files: [
      ...[NOTHING.file, "/dev/ptmx", ...view.files].map(inRoot),
      ...added.filter(({ isFolder }) => !isFolder).map(({ path }) => placeOf(path)),
    ],
    links: [...view.topLinks, ...view.links],
  };
}

const inRoot = (path: string) => join(NEW_ROOT, path);
const isBelow = (folders: readonly string[]) => (path: string) => folders.some((folder) => isWithin(path, folder));
const bind = (source: string, at: string, how: string) => fstabLine(source, inRoot(at), "none", how);
const nothing = (path: string, isFolder: boolean) =>
  bind(inRoot(isFolder ? NOTHING.folder : NOTHING.file), path, "bind,ro");

/**
 * The folders above what is hidden, where a step may write. A folder that is a mount point cannot be renamed, so no step
 * can move what is hidden to a place where the next attempt's sandbox would not look for it.
 */
function pins(
  paths: readonly string[],
  { seen, readOnly, exposed }: Readonly<Record<"seen" | "readOnly" | "exposed", readonly string[]>>,
): string[] {
  const found = new Set<string>();
  for (const path of paths)
    for (let above = dirname(path); above !== "/"; above = dirname(above)) {
      const isMount = [...seen, ...readOnly, ...exposed].includes(above);
      const isWritable = isBelow(exposed)(above) || (isBelow(seen)(above) && !isBelow(readOnly)(above));
      if (!isMount && isWritable) found.add(above);
    }
  const topDown = [...found].sort((a, b) => a.length - b.length);
  return topDown.map((path) => bind(inRoot(path), path, "rbind"));
}

/** Makes a bound folder and all mounts below it read-only. Flags that were locked must be kept (mount_namespaces(7)). */
function remounts({ mounts }: HostView, path: string): string[] {
  const own = { at: path, flags: mountOf(mounts, path).flags };
  const below = mountsWithin(mounts, path).filter(({ at }) => at !== path);
  return [own, ...below].map(readOnlyLine);
}

function readOnlyLine({ at, flags }: Mount): string {
  return fstabLine("none", inRoot(at), "none", ["remount", "bind", "ro", ...flags].join(","));
}

/** /sys read-only, with the cgroups; without what else is mounted there (debugfs, tracefs, pstore). */
function sysLines({ mounts }: HostView): string[] {
  return mountsWithin(mounts, "/sys").map((mount) =>
    mount.at === "/sys" || isWithin(mount.at, "/sys/fs/cgroup") ? readOnlyLine(mount) : nothing(mount.at, true),
  );
}
