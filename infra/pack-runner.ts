import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const PACK = fileURLToPath(new URL("../runner/pack/main.ts", import.meta.url));

/** A runner for other hosts, as one file. */
export interface RunnerArchive {
  readonly file: string;
  readonly sha256: string;
}

/** Packs the runner as `npm run pack:runner` does. A program of its own: infra imports nothing of the runner. */
export async function packRunner(output: string): Promise<RunnerArchive> {
  await run(process.execPath, [PACK, output]);
  const file = join(output, "baton-runner.tgz");
  return {
    file,
    sha256: createHash("sha256")
      .update(await readFile(file))
      .digest("hex"),
  };
}
