import { readFileSync } from "node:fs";
import { systemCode } from "./system-code.ts";

/** What a process of Baton's holds open without any work, and what it takes for each job that runs at a time. */
const ALWAYS = 48;
const PER_SLOT = 8;

/**
 * Why a process cannot work with as many slots: it may not have enough files open at a time, and would wait for ever for a
 * connection. Undefined where it can, and where the system does not say. Its children have the same limit.
 */
export function tooFewOpenFiles(slots: number): string | undefined {
  const needed = ALWAYS + PER_SLOT * slots;
  const allowed = openFilesMax();
  if (allowed >= needed) return undefined;
  return `this process may have ${allowed} files open at a time, and needs ${needed} for ${slots} jobs at once: raise \`ulimit -n\``;
}

function openFilesMax(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    return Number(line?.[1] ?? Number.POSITIVE_INFINITY);
  } catch (error) {
    return systemCode(error) === "EMFILE" ? 0 : Number.POSITIVE_INFINITY;
  }
}
