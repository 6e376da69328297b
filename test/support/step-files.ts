import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

/** A folder in which steps leave word for the test. */
export interface StepFiles {
  path(name: string): string;
  lines(name: string): string[];
  /** Leaves word for a step that waits for the file. */
  write(name: string): void;
  /** The process id that a step wrote there, once it has. */
  pid(name: string): Promise<number>;
  remove(): void;
}

export function makeStepFiles(): StepFiles {
  const folder = mkdtempSync(join(tmpdir(), "baton-steps-"));
  const path = (name: string) => join(folder, name);
  const lines = (name: string) =>
    existsSync(path(name))
      ? readFileSync(path(name), "utf8")
          .split("\n")
          .filter((line) => line !== "")
      : [];
  return {
    path,
    lines,
    write: (name) => writeFileSync(path(name), ""),
    pid: (name) => eventually(`a process id in ${name}`, () => Number(lines(name)[0] ?? 0) || undefined),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
