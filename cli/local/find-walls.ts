import { statSync } from "node:fs";
import { mkdtemp, realpath } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { makeFolderPath } from "../../shared/lib/make-folder-path.ts";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { sanitizeLine } from "../print/sanitize.ts";

/** What the runner of `baton up` keeps from its steps. */
export interface Walls {
  /** Keys, tokens, secrets. */
  readonly hide: readonly string[];
  /** What runs outside of the sandbox the next time: the project's hooks, Baton itself. */
  readonly readOnly: readonly string[];
  readonly expose: readonly string[];
}

interface Wanted {
  readonly sandbox: boolean;
  readonly expose?: readonly string[];
  readonly secretsFile?: string;
  readonly pools: readonly string[];
  readonly stateDir: string;
  readonly project: string;
}

const INSTALLATION = fileURLToPath(new URL("../..", import.meta.url));

/**
 * The walls of the steps; undefined where there are none, which is said in one line. Throws CommandError where a pool
 * needs them: a pool is a trust boundary, and one user is none.
 */
export async function findWalls(context: Context, wanted: Wanted): Promise<Walls | undefined> {
  const { cwd, configFile, childEnv } = context.environment;
  // A stream has been read by now, and nothing of it is left to hide.
  const secrets = wanted.secretsFile === undefined ? [] : [resolve(cwd, wanted.secretsFile)].filter(isRegularFile);
  const walls: Walls = {
    hide: [wanted.stateDir, dirname(configFile), ...secrets],
    readOnly: [wanted.project, INSTALLATION],
    expose: (wanted.expose ?? []).map((path) => resolve(cwd, path)),
  };
  const why = wanted.sandbox ? await tryOut(walls, wanted.pools, childEnv["PATH"]) : "--no-sandbox";
  if (why === undefined) {
    // One that is made while a step runs would be seen by it.
    makeIfPossible(dirname(configFile));
    return walls;
  }
  const { trustOf } = await import("../../runner/sandbox/runner-sandbox.ts");
  const foreign = wanted.pools.find((pool) => trustOf(wanted.pools, pool) === "foreign");
  const reason = sanitizeLine(why, false);
  if (foreign !== undefined)
    throw new CommandError(
      `pool "${foreign}" needs a sandbox for its steps, and here is none (${reason}): use --no-runner, and serve each pool with "baton runner --pool" under a user of its own (docs/RUNNERS.md, "A pool under its own user")`,
    );
  await context.err.write(
    `baton: no sandbox (${reason}): steps can read Baton's keys and tokens, and all else that this user can\n`,
  );
  return undefined;
}

const isRegularFile = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** Why no sandbox can be had here. */
async function tryOut(walls: Walls, pools: readonly string[], path = ""): Promise<string | undefined> {
  const { openRunnerSandbox } = await import("../../runner/sandbox/runner-sandbox.ts");
  const scratch = await mkdtemp(join(await realpath(tmpdir()), "baton-try-"));
  try {
    const opened = await openRunnerSandbox({ ...walls, path, pools, homes: [homedir()], scratch });
    return "why" in opened ? opened.why : undefined;
  } finally {
    await removeWholeTree(scratch);
  }
}

/** Who has no home has nothing to hide in it. */
function makeIfPossible(folder: string): void {
  try {
    makeFolderPath(folder, 0o700);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
