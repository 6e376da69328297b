import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DomainError } from "../shared/domain/errors.ts";
import { DEFINITION_BYTES_MAX } from "../shared/domain/limits.ts";
import type { Source } from "../shared/protocol/runs.ts";

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 20_000;
/** No prompt, no hook, no configuration but ours, and no transport that runs a program. */
const GIT_ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ALLOW_PROTOCOL: "file:https:http:ssh",
};
const SAFE = ["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"];

/**
 * Reads one file at one commit with `git`. Throws `invalid_definition` where the commit or the file is not there, or
 * where this control plane has no git: then the definition must come with the request.
 */
export async function readDefinitionWithGit(source: Source, path: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "baton-definition-"));
  try {
    await git(["init", "--quiet", "--bare", folder]);
    await git(["-C", folder, "fetch", "--quiet", "--depth=1", "--no-tags", source.url, source.sha]);
    return await git(["-C", folder, "cat-file", "blob", `${source.sha}:${path}`]);
  } catch (cause) {
    throw new DomainError("invalid_definition", whyNot(cause, source, path), undefined, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function git(args: readonly string[]): Promise<string> {
  const { stdout } = await run("git", [...SAFE, ...args], {
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...GIT_ENVIRONMENT },
    timeout: GIT_TIMEOUT_MS,
    maxBuffer: DEFINITION_BYTES_MAX,
  });
  return stdout;
}

function whyNot(cause: unknown, source: Source, path: string): string {
  if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
    return "this control plane has no git: send the definition with the request";
  }
  const said =
    cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim().split("\n").at(-1) : String(cause);
  return `cannot read ${path} at ${source.sha}: ${redacted(said ?? "")}`;
}

/** A URL may carry credentials: they never reach a message. */
function redacted(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/g, "//***@");
}
