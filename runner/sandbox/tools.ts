import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";

/** Programs of util-linux and coreutils, by their paths: what a sandbox is made with. */
export interface Tools {
  readonly cp: string;
  readonly mkdir: string;
  readonly mount: string;
  readonly nsenter: string;
  readonly pivotRoot: string;
  readonly setsid: string;
  readonly sh: string;
  readonly sleep: string;
  readonly umount: string;
  readonly unshare: string;
}

/** Never the user's own PATH: these run outside of the sandbox. */
const SYSTEM_PATH = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"];

const NAMES: Readonly<Record<keyof Tools, string>> = {
  cp: "cp",
  mkdir: "mkdir",
  mount: "mount",
  nsenter: "nsenter",
  pivotRoot: "pivot_root",
  setsid: "setsid",
  sh: "sh",
  sleep: "sleep",
  umount: "umount",
  unshare: "unshare",
};

/** The programs, or the name of one that this host lacks. */
export function findTools(): Tools | string {
  const found = (name: string) => findProgram(name, SYSTEM_PATH);
  const missing = Object.values(NAMES).find((name) => found(name) === undefined);
  if (missing !== undefined) return missing;
  const path = (tool: keyof Tools) => found(NAMES[tool]) ?? "";
  return {
    cp: path("cp"),
    mkdir: path("mkdir"),
    mount: path("mount"),
    nsenter: path("nsenter"),
    pivotRoot: path("pivotRoot"),
    setsid: path("setsid"),
    sh: path("sh"),
    sleep: path("sleep"),
    umount: path("umount"),
    unshare: path("unshare"),
  };
}

/** The first executable file of that name, as execvp(3) looks for it. */
export function findProgram(name: string, folders: readonly string[]): string | undefined {
  if (name.includes("/")) return isProgram(name) ? name : undefined;
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not for us: as good as not there
  }
}
