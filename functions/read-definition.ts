import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { DomainError } from "../shared/domain/errors.ts";
import { DEFINITION_BYTES_MAX } from "../shared/domain/limits.ts";
import { decodeText, TextFileError } from "../shared/lib/read-text-file.ts";
import { removeWholeTree } from "../shared/lib/remove-tree.ts";
import type { Source } from "../shared/protocol/runs.ts";

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 20_000;
/** No prompt, no hook, no configuration but ours, and no transport that runs a program. */
const GIT_ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ALLOW_PROTOCOL: "file:https:http:ssh",
  // Its words are told apart.
  LC_ALL: "C",
};
const SAFE = ["-c", "core.hooksPath=/dev/null", "-c", "safe.directory=*"];

/** Git's words for a network or a server that failed: the same request may succeed the next time. */
const PASSING =
  /timed out|Connection (refused|reset)|Could not resolve host|error: (429|5\d\d)|early EOF|unexpected disconnect/i;

/**
 * Reads one file at one commit with `git`. Throws `invalid_definition` where the commit or the file is not there, or
 * where this control plane has no git: then the definition must come with the request. What may pass is thrown as it
 * is, and tried again until the run's plan deadline.
 */
export async function readDefinitionWithGit(
  source: Source,
  path: string,
  timeoutMs: number = GIT_TIMEOUT_MS,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "baton-definition-"));
  const git = (...args: string[]) => runGit(args, timeoutMs);
  try {
    await git("init", "--quiet", "--bare", folder);
    await git("-C", folder, "fetch", "--quiet", "--depth=1", "--no-tags", source.url, source.sha);
    return textOf(await git("-C", folder, "cat-file", "blob", `${source.sha}:${path}`), path);
  } catch (cause) {
    if (cause instanceof DomainError) throw cause;
    throw failureOf(cause, source, path);
  } finally {
    await removeWholeTree(folder);
  }
}

async function runGit(args: readonly string[], timeoutMs: number): Promise<Buffer> {
  const { stdout } = await run("git", [...SAFE, ...args], {
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...GIT_ENVIRONMENT },
    timeout: timeoutMs,
    maxBuffer: DEFINITION_BYTES_MAX,
    encoding: "buffer",
  });
  return stdout;
}

/** Strictly: what is replaced by a decoder would be run otherwise than it stands in the repository. */
function textOf(bytes: Buffer, path: string): string {
  try {
    return decodeText(bytes);
  } catch (cause) {
    if (!(cause instanceof TextFileError)) throw cause;
    const place = cause.at === undefined ? "" : `:${cause.at.line}:${cause.at.column}`;
    throw new DomainError("invalid_definition", `${path}${place}: ${cause.message}`, undefined, { cause });
  }
}

const gitFailure = z.object({
  code: z.union([z.string(), z.number()]).nullish(),
  killed: z.boolean().optional(),
  stderr: z.unknown().transform((said) => (Buffer.isBuffer(said) ? said.toString() : "")),
});

/** Without `cause`: it names the whole command, and with it the URL and its password, in every log. */
function failureOf(cause: unknown, source: Source, path: string): Error {
  const { code, killed = false, stderr = "" } = gitFailure.safeParse(cause).data ?? {};
  if (code === "ENOENT") return invalid("this control plane has no git: send the definition with the request");
  const reading = `cannot read ${path} at ${source.sha}`;
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
    return invalid(`${reading}: it has more than ${DEFINITION_BYTES_MAX} bytes`);
  const said = redacted(stderr.trim().split("\n").at(-1) ?? "");
  if (killed) return new Error(`${reading}: git did not end in time ${said}`);
  return PASSING.test(stderr) ? new Error(`${reading}: ${said}`) : invalid(`${reading}: ${said}`);
}

const invalid = (message: string) => new DomainError("invalid_definition", message);

/** A URL may carry credentials: they never reach a message. */
function redacted(text: string): string {
  return text.replace(/\/\/[^/@\s]+@/g, "//***@");
}
