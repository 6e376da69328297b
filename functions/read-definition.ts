import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { DomainError } from "../shared/domain/errors.ts";
import { DEFINITION_BYTES_MAX } from "../shared/domain/limits.ts";
import { borrowing } from "../shared/lib/alternates.ts";
import { localPathOf } from "../shared/lib/local-repository.ts";
import { pinAddress, redirectTrouble } from "../shared/lib/pin-address.ts";
import { decodeText, TextFileError } from "../shared/lib/read-text-file.ts";
import { removeWholeTree } from "../shared/lib/remove-tree.ts";
import { serverOfSource } from "../shared/lib/source-url.ts";
import type { Source } from "../shared/protocol/runs.ts";
import { assertReadable, findServed, isOwnHost, type SourcePolicy } from "./source-policy.ts";

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 20_000;
/** No prompt, no hook, no configuration but ours, and no transport that runs a program. */
const GIT_ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ALLOW_PROTOCOL: "https:http:ssh",
  GIT_SSH_COMMAND: "ssh -o BatchMode=yes",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_NO_LAZY_FETCH: "1",
  // Its words are told apart.
  LC_ALL: "C",
};
/** A server that redirects may name any other, and objects that it lists may be another's. */
const SAFE = {
  "core.hooksPath": "/dev/null",
  "credential.helper": "",
  "http.followRedirects": "false",
  "transfer.bundleURI": "false",
};

/** Git's words for a network or a server that failed: the same request may succeed the next time. */
const PASSING =
  /timed out|Connection (refused|reset)|Could not resolve host|error: (429|5\d\d)|early EOF|unexpected disconnect/i;

/**
 * Reads one file at one commit with `git`, from where the policy allows. Throws `invalid_definition` where the commit or the
 * file is not there, or where this control plane has no git: then the definition must come with the request. What may pass
 * is thrown as it is, and tried again until the run's plan deadline.
 */
export async function readDefinitionWithGit(
  policy: SourcePolicy,
  source: Source,
  path: string,
  timeoutMs: number = GIT_TIMEOUT_MS,
): Promise<string> {
  await assertReadable(source.url, policy);
  const folder = await mkdtemp(join(tmpdir(), "baton-definition-"));
  try {
    const git = (config: Config, env: Config, ...args: string[]) => runGit({ config, env, timeoutMs }, args);
    await git({}, {}, "init", "--quiet", "--bare", "--template=", folder);
    const local = localPathOf(source.url);
    const env = local === undefined ? {} : await borrow(local, policy);
    if (local === undefined) {
      const fetch = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--"];
      await git(await pinned(source), {}, "-C", folder, ...fetch, source.url, source.sha);
    }
    return textOf(await git({}, env, "-C", folder, "cat-file", "blob", `${source.sha}:${path}`), path);
  } catch (cause) {
    if (cause instanceof DomainError) throw cause;
    throw failureOf(cause, source, path);
  } finally {
    await removeWholeTree(folder);
  }
}

type Config = Readonly<Record<string, string>>;

/** By an empty repository of ours: none of the local one's configuration is read. */
async function borrow(path: string, policy: SourcePolicy): Promise<Config> {
  const { objects } = await findServed(path, policy);
  return borrowing(objects);
}

async function pinned(source: Source): Promise<Config> {
  const server = serverOfSource(source.url);
  if (server === undefined) return {};
  const found = await pinAddress(server, { publicOnly: !isOwnHost(server.host) });
  if ("refused" in found) throw new DomainError("forbidden", found.refused);
  return found.config;
}

async function runGit(
  { config, env, timeoutMs }: { readonly config: Config; readonly env: Config; readonly timeoutMs: number },
  args: readonly string[],
): Promise<Buffer> {
  const settings = Object.entries({ ...SAFE, ...config }).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const { stdout } = await run("git", [...settings, ...args], {
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", ...GIT_ENVIRONMENT, ...env },
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
  hostname: z.string().optional(),
  killed: z.boolean().optional(),
  stderr: z.unknown().transform((said) => (Buffer.isBuffer(said) ? said.toString() : "")),
});

/** Without `cause`: it names the whole command, and with it the URL and its password, in every log. */
function failureOf(cause: unknown, source: Source, path: string): Error {
  const { code, hostname, killed = false, stderr = "" } = gitFailure.safeParse(cause).data ?? {};
  if (code === "ENOENT" && hostname === undefined)
    return invalid("this control plane has no git: send the definition with the request");
  const reading = `cannot read ${path} at ${source.sha}`;
  if (hostname !== undefined) return new Error(`${reading}: could not resolve ${hostname}`);
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
    return invalid(`${reading}: it has more than ${DEFINITION_BYTES_MAX} bytes`);
  const redirect = redirectTrouble(stderr);
  if (redirect !== undefined) return invalid(`${reading}: ${redirect}`);
  const said = saidOf(stderr);
  if (killed) return new Error(`${reading}: git did not end in time ${said}`);
  return PASSING.test(stderr) ? new Error(`${reading}: ${said}`) : invalid(`${reading}: ${said}`);
}

const invalid = (message: string) => new DomainError("invalid_definition", message);

/** Git's last word, without credentials of a URL, and without what a server that speaks no git has answered. */
function saidOf(stderr: string): string {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return last
    .replace(/\/\/[^/@\s]+@/g, "//***@")
    .replace(/(invalid server response|protocol error|bad line length).*/, "$1");
}
