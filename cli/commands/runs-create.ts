import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { Source } from "../../shared/protocol/runs.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { pathInRun, readDefinition } from "../local/read-definition.ts";
import { readPipeline } from "../local/read-pipeline.ts";
import { findRepository, isDirty } from "../snapshot/repository.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";
import { followToVerdict } from "./follow-to-verdict.ts";

interface CreateOptions extends ConnectedOptions {
  readonly source?: string;
  readonly sha?: string;
  readonly branch?: string;
  readonly project: string;
  readonly follow?: boolean;
  readonly allowDirty?: boolean;
}

/** `baton runs create [FILE]`: a run of a commit. A named FILE's text is sent; without one it is read from the commit. */
export async function createRunCommand(
  context: Context,
  file: string | undefined,
  options: CreateOptions,
): Promise<void> {
  const client = await connect(context, options);
  const { source, root } = await findSource(context, options);
  const definition = file === undefined ? undefined : await readFor(context, file, root);
  const reply = await client.call("createRun", {
    headers: { "idempotency-key": randomUUID() },
    body: {
      project: options.project,
      source,
      watch: options.follow === true,
      ...(definition === undefined ? {} : { definition }),
    },
  });
  if (options.follow === true) return followToVerdict(context, client, reply.run.id, options);
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${reply.run.id}\n`);
}

async function readFor(
  context: Context,
  file: string,
  root: string | undefined,
): Promise<{ path: string; text: string }> {
  const text = await readPipeline(context.environment.cwd, file);
  readDefinition(text, file);
  return { path: root === undefined ? file : pathInRun(root, context.environment.cwd, file), text };
}

async function findSource(context: Context, options: CreateOptions): Promise<{ source: Source; root?: string }> {
  const given = options.source;
  if (given !== undefined && isRemote(given)) return { source: remoteSource(given, options) };
  const { cwd, childEnv } = context.environment;
  const folder = given === undefined ? cwd : resolve(cwd, given);
  const repository = await findRepository(folder, childEnv);
  if (repository === undefined) {
    throw new CommandError(
      `${folder} is not in a git repository; name one with --source, or use \`baton run\` for a plain folder`,
    );
  }
  const { root } = repository;
  const sha = options.sha ?? repository.head;
  if (sha === undefined) throw new CommandError(`${root} has no commit yet; commit first, or use \`baton run\``);
  if (options.sha === undefined && options.allowDirty !== true && (await isDirty(repository, childEnv))) {
    throw new CommandError(
      `${root} has changes that are not in ${sha.slice(0, 10)}: commit them, or add --allow-dirty to run HEAD without them`,
    );
  }
  // Of another commit the current branch says nothing.
  const branch = options.branch ?? (sha === repository.head ? repository.branch : undefined);
  return { root, source: { kind: "git", url: root, sha: fullSha(sha), ...(branch === undefined ? {} : { branch }) } };
}

function remoteSource(url: string, options: CreateOptions): Source {
  if (options.sha === undefined)
    throw new CommandError("a source that is not on this machine needs --sha, the full commit");
  return {
    kind: "git",
    url,
    sha: fullSha(options.sha),
    ...(options.branch === undefined ? {} : { branch: options.branch }),
  };
}

function fullSha(sha: string): string {
  if (/^[0-9a-f]{40}$/.test(sha)) return sha;
  throw new CommandError(`--sha ${sha} is not a full commit id of 40 hexadecimal digits; \`git rev-parse\` prints it`);
}

const isRemote = (source: string): boolean => /^(https?:\/\/|ssh:\/\/|file:\/\/|git@)/.test(source);
