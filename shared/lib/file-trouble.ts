import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "./message-of.ts";
import { systemCode } from "./system-code.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is a file, not a folder",
  EEXIST: "a file is in its way",
  EACCES: "this user may not: look at its owner and mode, and its folders'",
  EPERM: "this user may not: look at its owner and mode, and its folders'",
  ELOOP: "its links go round in a circle",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk's quota is used up",
  EROFS: "its file system is read-only",
  ENXIO: "it is a socket, or a device that is not there",
  EIO: "the disk or device gives an error for it",
  EFBIG: "it is larger than this process may make a file (ulimit -f)",
  EMFILE: "this process has too many files open: raise `ulimit -n`",
  ENFILE: "this host has too many files open",
};

/** Why a file could not be read or written, for people: they know which file and what for, and not what `ENOENT` is. */
export function fileTrouble(error: unknown): string {
  const message = messageOf(error);
  return REASONS[systemCode(error) ?? ""] ?? message;
}

/** Why a file cannot be written, or made in its folder, for people; undefined where it can be. */
export async function whyUnwritable(file: string): Promise<string | undefined> {
  try {
    const seen = await stat(file).catch((error: unknown) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
    if (seen?.isDirectory() === true) return REASONS["EISDIR"];
    await access(seen === undefined ? dirname(file) : file, constants.W_OK);
    return undefined;
  } catch (error) {
    return systemCode(error) === "ENOENT" ? `there is no folder ${dirname(file)}` : fileTrouble(error);
  }
}
