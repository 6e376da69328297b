import { mkdir, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { systemCode } from "../../shared/lib/system-code.ts";
import { type Program, ProgramFailed, runProgram } from "./run-program.ts";

/**
 * MiniStack (https://pypi.org/project/ministack, MIT): a LocalStack-compatible server that runs functions as processes and
 * enforces IAM. Into a folder of ours: pip touches no other.
 */
const SERVER_PACKAGE = "ministack==1.5.33";

/** This machine cannot have the server; the message says why in one line. */
export class CannotTry extends Error {
  override readonly name = "CannotTry";
}

/** The folder that Python finds the server in; installed where it is not there yet. Throws `CannotTry`. */
export async function installServer(cache: string, run: Omit<Program, "command" | "args">): Promise<string> {
  await need("python3", { ...run, command: "python3", args: ["--version"] });
  const folder = join(cache, SERVER_PACKAGE);
  if (await exists(folder)) return folder;
  await need("pip", { ...run, command: "python3", args: ["-m", "pip", "--version"] });
  await mkdir(dirname(folder), { recursive: true });
  // Beside it, so that a rename makes the whole of it appear at once.
  const making = `${folder}.${process.pid}`;
  const install = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--target",
    making,
    SERVER_PACKAGE,
  ];
  try {
    await need(`${SERVER_PACKAGE} from PyPI`, { ...run, command: "python3", args: install });
    await rename(making, folder).catch(ignoreTaken);
  } finally {
    await removeWholeTree(making);
  }
  return folder;
}

/** Throws `CannotTry` where the program is not there or fails. */
export async function need(what: string, program: Program): Promise<void> {
  try {
    await runProgram(program);
  } catch (cause) {
    if (!(cause instanceof ProgramFailed || (cause instanceof Error && systemCode(cause) === "ENOENT"))) throw cause;
    const why = cause.message.split("\n").findLast((line) => line.trim() !== "");
    throw new CannotTry(`it needs ${what}, and there is none here (${why})`, { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Another installed the same meanwhile. */
function ignoreTaken(error: unknown): void {
  if (!["ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) throw error;
}
