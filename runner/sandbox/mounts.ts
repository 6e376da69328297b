import { readFileSync } from "node:fs";

/** A mount of this process's namespace, as /proc/self/mountinfo has it (proc(5)). */
export interface Mount {
  readonly at: string;
  /** Its own flags, without `ro` and `rw`: a namespace of fewer rights must keep them in a remount. */
  readonly flags: readonly string[];
}

export function readMounts(): Mount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "latin1"));
}

export function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [, , , , at, options] = line.split(" ");
    if (at === undefined || options === undefined) return [];
    return [{ at: fromOctal(at), flags: options.split(",").filter((flag) => flag !== "ro" && flag !== "rw") }];
  });
}

/** The mounts at and below a path, parents first. */
export function mountsWithin(mounts: readonly Mount[], path: string): Mount[] {
  return mounts.filter(({ at }) => isWithin(at, path)).sort((a, b) => a.at.length - b.at.length);
}

/** The mount that a path lies on. */
export function mountOf(mounts: readonly Mount[], path: string): Mount {
  const [found] = mounts.filter(({ at }) => isWithin(path, at)).sort((a, b) => b.at.length - a.at.length);
  return found ?? { at: "/", flags: [] };
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** One line of fstab(5). */
export function fstabLine(source: string, at: string, type: string, options: string): string {
  return `${asWord(source)} ${asWord(at)} ${type} ${options} 0 0\n`;
}

/** ASCII alone: of any other blank the escape would be a byte that it does not have. */
function asWord(path: string): string {
  return path.replace(/[\t-\r \\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function fromOctal(text: string): string {
  return Buffer.from(
    text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    "latin1",
  ).toString("utf8");
}
