import { resolve } from "node:path";
import { spawnStack } from "../../localstack/spawn-stack.ts";
import type { Context } from "../context.ts";
import { checkOpenFiles } from "../local/check-open-files.ts";
import { checkSecretsFile } from "../local/check-secrets-file.ts";
import { PIPELINE_DEFAULT, readPipeline } from "../local/read-pipeline.ts";
import { stackOptions } from "../local/stack-options.ts";
import { makeTempFolder } from "../local/temp-folder.ts";
import { makeFolder } from "../products/make-folder.ts";
import type { RunOptions } from "./run-tree.ts";

/**
 * `baton run [FILE]`: a stack, a runner and one run of the working tree; all of it is gone afterwards. The stack takes
 * longest to start, so it is started before the rest of the command is even loaded.
 */
export async function runCommand(context: Context, file: string | undefined, options: RunOptions): Promise<void> {
  checkOpenFiles(options.slots);
  const path = file ?? PIPELINE_DEFAULT;
  const { cwd } = context.environment;
  const text = await readPipeline(cwd, path);
  // Now, and not when all has run.
  const { secretsFile } = options;
  const secrets = secretsFile === undefined ? undefined : await checkSecretsFile(context, resolve(cwd, secretsFile));
  if (options.artifacts !== undefined) makeFolder("--artifacts", resolve(cwd, options.artifacts));
  const temp = await makeTempFolder(context.clock);
  const calledOff = new AbortController();
  const stack = namesPools(text) ? undefined : spawnStack({ ...stackOptions(temp), signal: calledOff.signal });
  // Thrown where it is awaited, which is later.
  stack?.catch(() => undefined);
  const { runTree } = await import("./run-tree.ts");
  await runTree(context, { path, text, temp, stack, secrets, callOff: () => calledOff.abort() }, options);
}

/** A stack is told at its start which pools to have: where a pipeline may name some, it must be read first. */
const namesPools = (text: string) => text.includes("pool");
