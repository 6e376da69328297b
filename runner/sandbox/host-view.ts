import { existsSync, lstatSync, readdirSync, realpathSync, type Stats } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isWithin, readMounts } from "./mounts.ts";
import type { HostView } from "./plan-sandbox.ts";

/** Made anew in every sandbox. */
const NOT_BOUND = new Set(["dev", "proc", "sys", "run", "tmp", "lost+found"]);
/** Where distributions keep programs, libraries and their settings. */
const SYSTEM = ["bin", "sbin", "usr", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix", "gnu"];
/** What programs take for granted; and, where a host has them, what jobs build and test with. */
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICES_OWN = ["kvm", "fuse", "net/tun", "kfd"];
const DEVICE_LINKS = ["fd", "stdin", "stdout", "stderr"];
/** What the host's root may write to by its id, without any capability; sysctls among them (`core_pattern`). */
const PROC_OF_ROOT = ["sys", "sysrq-trigger", "irq", "bus", "fs", "scsi", "acpi"];

/** Looks at the host once, when the runner starts. `path`: the steps' PATH. */
export function viewHost(path: string): HostView {
  const top = readdirSync("/", { withFileTypes: true }).filter(({ name }) => !NOT_BOUND.has(name));
  const topFolders = top.filter((entry) => entry.isDirectory()).map(({ name }) => `/${name}`);
  const system = topFolders.filter((folder) => SYSTEM.includes(folder.slice(1)));
  const uid = process.getuid?.() ?? 0;
  return {
    mounts: readMounts(),
    topFolders,
    topLinks: top.filter((entry) => entry.isSymbolicLink()).map(({ name }) => `/${name}`),
    system: [...system, ...programFolders(path, system)],
    files: [...devices(), ...resolverFiles()],
    links: [...DEVICE_LINKS.map((name) => `/dev/${name}`), "/run/current-system"].filter(isLink),
    procReadOnly: uid === 0 ? PROC_OF_ROOT.map((name) => `/proc/${name}`).filter(existsSync) : [],
    hasVarTmp: isFolder("/var") && isFolder("/var/tmp"),
    uid,
    gid: process.getgid?.() ?? 0,
  };
}

/**
 * Programs outside of the system's folders, as a version manager's: `bin` with the `lib` beside it. Nothing else of the
 * folders that PATH names, which may be a home's.
 */
function programFolders(path: string, system: readonly string[]): string[] {
  const found = path.split(":").flatMap((folder) => {
    if (!folder.startsWith("/") || basename(folder) !== "bin" || !isFolder(join(dirname(folder), "lib"))) return [];
    return ["bin", "lib", "libexec", "include", "share"].map((name) => join(dirname(folder), name)).filter(isFolder);
  });
  return [...new Set(found)].filter((folder) => !system.some((one) => isWithin(folder, one)));
}

function devices(): string[] {
  const graphics = existsSync("/dev") ? readdirSync("/dev").filter((name) => /^nvidia/.test(name)) : [];
  return [...DEVICES, ...DEVICES_OWN, ...graphics].map((name) => `/dev/${name}`).filter(isDevice);
}

/** Where names of hosts are looked up, if the file that says so is below /run. */
function resolverFiles(): string[] {
  try {
    const file = realpathSync("/etc/resolv.conf");
    return file.startsWith("/run/") ? [file] : [];
  } catch {
    return []; // no such file: names are looked up in another way, or not at all
  }
}

const isFolder = (path: string) => statOf(path)?.isDirectory() ?? false;
const isLink = (path: string) => statOf(path)?.isSymbolicLink() ?? false;
const isDevice = (path: string) => statOf(path)?.isCharacterDevice() ?? false;

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined; // not there, or not for this user: steps could not use it either
  }
}
