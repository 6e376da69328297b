import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";

/** Schemathesis (https://pypi.org/project/schemathesis, MIT): an API fuzzer that nobody here wrote. */
const PACKAGE = "schemathesis==4.32.5";
const CACHE = path.resolve(import.meta.dirname, "../../node_modules/.cache/fuzz");

/** The fuzzer's program, or why this machine cannot have it. Installed into a folder of ours: pip touches no other. */
export function installFuzzer(): { readonly program: string } | { readonly cannot: string } {
  const folder = path.join(CACHE, PACKAGE);
  const program = path.join(folder, "bin/schemathesis");
  if (existsSync(program)) return { program };
  mkdirSync(CACHE, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  // A virtual environment holds its own path, so it is made in place, and marked whole by the last step.
  const made =
    runs("python3", "-m", "venv", folder) ??
    runs(path.join(folder, "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE);
  if (made === undefined) return { program };
  renameSync(folder, `${folder}.failed-${process.pid}`);
  rmSync(`${folder}.failed-${process.pid}`, { recursive: true });
  return { cannot: made };
}

/** Undefined where it succeeded; else the last line of what it said. */
function runs(command: string, ...args: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (error !== undefined) return error.message;
  if (status === 0) return undefined;
  const last = stderr.split("\n").findLast((line) => line.trim() !== "");
  return last ?? `${command} ended with ${status}`;
}
