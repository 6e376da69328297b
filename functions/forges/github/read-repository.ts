import { z } from "zod";
import { DEFINITION_BYTES_MAX } from "../../../shared/domain/limits.ts";
import { gitSha } from "../../../shared/protocol/ids.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import {
  type BranchHead,
  type Forge,
  ForgeError,
  isTooLarge,
  type RepositoryIdentity,
} from "../../../shared/usecases/forge.ts";
import { type GithubAnswer, type GithubClient, headerOf, parseAnswer } from "./github-client.ts";

/** Reads a repository at a commit, by GitHub's REST API. */

const FOLDER = ".baton";
const SERVER_SETTINGS = "server.yml";
/** A comparison shows no more files than this, and does not say how many it left out. */
const COMPARED_FILES_MAX = 300;

/** A listing shows no more of a folder, and does not say that it left some out. */
const LISTED_FILES_MAX = 1_000;

const CONTENTS = "GET /repos/{owner}/{repo}/contents/{path}";
const listing = z.array(z.object({ type: z.string(), name: z.string(), path: z.string() }));
/** What stands at a path and is no file's text: a folder's list, or a description of a file, a submodule or the like. */
const described = z.union([z.array(z.unknown()), z.object({ type: z.string() })]);
const comparison = z.object({
  status: z.enum(["ahead", "behind", "diverged", "identical"]),
  files: z.array(z.object({ filename: z.string(), previous_filename: z.string().optional() })).optional(),
});

/** @see https://docs.github.com/rest/repos/contents#get-repository-content */
export async function listDefinitions(client: GithubClient, project: ProjectItem, sha: string): Promise<string[]> {
  const answer = await callAtCommit(client, project, sha, { path: FOLDER });
  // A file of that name is answered as an object: then there is no folder. Of anything else nothing may be concluded.
  if (answer === undefined || !Array.isArray(parseAnswer(described, answer, "listing of .baton"))) return [];
  const entries = parseAnswer(listing, answer, "listing of .baton");
  if (entries.length >= LISTED_FILES_MAX)
    throw new ForgeError(
      `.baton at ${sha} has more files than the forge lists (${LISTED_FILES_MAX}): move what is no pipeline elsewhere`,
      {
        status: 413,
        retry: false,
      },
    );
  const files = entries.filter(
    ({ type, name }) => type === "file" && /\.ya?ml$/.test(name) && name !== SERVER_SETTINGS,
  );
  return files.map(({ path }) => path).sort();
}

export async function readFile(
  client: GithubClient,
  project: ProjectItem,
  sha: string,
  path: string,
): Promise<string | undefined> {
  const mediaType = "application/vnd.github.raw+json";
  const answer = await callAtCommit(client, project, sha, { path, headers: { accept: mediaType } });
  if (answer === undefined) return undefined;
  // Of a folder or a submodule it describes what there is.
  if (!headerOf(answer, "content-type")?.startsWith(mediaType)) {
    parseAnswer(described, answer, `file ${path}`);
    return undefined;
  }
  const { data: text } = answer;
  if (typeof text !== "string") throw new ForgeError(`${path} is no text`, { retry: false });
  if (Buffer.byteLength(text) > DEFINITION_BYTES_MAX)
    throw new ForgeError(`${path} is larger than ${DEFINITION_BYTES_MAX} bytes`, { status: 413, retry: false });
  return text;
}

/** Undefined where the commit is there and the path is not; throws where the commit itself cannot be seen. */
async function callAtCommit(
  client: GithubClient,
  project: ProjectItem,
  sha: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<GithubAnswer | undefined> {
  try {
    return await client.call(project, CONTENTS, { ref: sha, ...parameters });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  await requireCommit(client, project, sha);
  return undefined;
}

/** A push may be told of before every replica of the forge has it: only of a repository that is not there is 404 the last word. */
async function requireCommit(client: GithubClient, project: ProjectItem, sha: string): Promise<void> {
  try {
    await client.call(project, "GET /repos/{owner}/{repo}/git/commits/{sha}", { sha });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await requireRepository(client, project);
    throw new ForgeError(`${project.forge.repository} has no commit ${sha}, or not yet`, { status: 404, retry: true });
  }
}

/** As GitHub says it of what is in a repository that can be seen. A proxy's 404 says nothing, and nothing may follow from it. */
export const isNotFound = (error: unknown) =>
  error instanceof ForgeError && error.status === 404 && error.kind === "lagging";

/**
 * @see https://docs.github.com/rest/commits/commits#compare-two-commits
 * GitHub compares with the merge base. From a commit that is no ancestor that says nothing of what only the older one had.
 */
export async function changedPaths(
  client: GithubClient,
  project: ProjectItem,
  [before, after]: readonly [string, string],
  since: Parameters<Forge["changedPaths"]>[3] = "before",
): Promise<string[] | undefined> {
  const basehead = `${before}...${after}`;
  const answer = await callUnlessUnknown(client, project, { basehead, per_page: 1 });
  if (answer === undefined) return undefined;
  const { status, files } = parseAnswer(comparison, answer, `comparison ${basehead}`);
  const partial = since === "before" && (status === "behind" || status === "diverged");
  if (partial || files === undefined || files.length >= COMPARED_FILES_MAX) return undefined;
  const names = files.flatMap(({ filename, previous_filename: previous }) =>
    previous === undefined ? [filename] : [previous, filename],
  );
  return [...new Set(names)].sort();
}

/** A commit that was pushed away is unknown, and a comparison may be too large to read: then nobody tells all of it. */
async function callUnlessUnknown(
  client: GithubClient,
  project: ProjectItem,
  parameters: Readonly<Record<string, unknown>>,
): Promise<GithubAnswer | undefined> {
  try {
    return await client.call(project, "GET /repos/{owner}/{repo}/compare/{basehead}", parameters);
  } catch (error) {
    if (isNotFound(error) || isTooLarge(error)) return undefined;
    // 422 of a commit that it does not know, or of one that cannot be compared.
    if (error instanceof ForgeError && error.status === 422 && error.kind !== "passing") return undefined;
    throw error;
  }
}

export async function defaultBranch(client: GithubClient, project: ProjectItem): Promise<BranchHead> {
  const about = await client.call(project, "GET /repos/{owner}/{repo}");
  const { default_branch: branch } = parseAnswer(z.object({ default_branch: z.string() }), about, "repository");
  return { branch, sha: await readBranch(client, project, branch) };
}

export async function branchHead(
  client: GithubClient,
  project: ProjectItem,
  branch: string,
): Promise<string | undefined> {
  try {
    return await readBranch(client, project, branch);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  await requireRepository(client, project);
  return undefined;
}

const identity = z.object({ id: z.int(), full_name: z.string() });

/**
 * By its name, and where that leads to another repository or to none, by its id: the address that GitHub's own redirects name.
 * @see https://docs.github.com/rest/repos/repos#get-a-repository
 */
export async function readRepository(client: GithubClient, project: ProjectItem): Promise<RepositoryIdentity> {
  const { repositoryId } = project;
  const named = await identify(client, project, "GET /repos/{owner}/{repo}").catch((error: unknown) => {
    if (repositoryId === undefined || !(error instanceof ForgeError && error.status === 404)) throw error;
  });
  if (named !== undefined && (repositoryId === undefined || named.id === repositoryId)) return named;
  const found = await identify(client, project, "GET /repositories/{id}", { id: repositoryId });
  if (found.id === repositoryId) return found;
  throw new ForgeError(`the repository ${repositoryId} is answered as ${found.id}`, { retry: true });
}

async function identify(
  client: GithubClient,
  project: ProjectItem,
  route: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Promise<RepositoryIdentity> {
  const { id, full_name: name } = parseAnswer(identity, await client.call(project, route, parameters), "repository");
  return { id: String(id), name };
}

/** Of a repository that cannot be seen everything is 404: then this throws. */
export async function requireRepository(client: GithubClient, project: ProjectItem): Promise<void> {
  await client.call(project, "GET /repos/{owner}/{repo}");
}

async function readBranch(client: GithubClient, project: ProjectItem, branch: string): Promise<string> {
  const head = await client.call(project, "GET /repos/{owner}/{repo}/branches/{branch}", { branch });
  return parseAnswer(z.object({ commit: z.object({ sha: gitSha }) }), head, `branch ${branch}`).commit.sha;
}

export async function commitMessage(client: GithubClient, project: ProjectItem, sha: string): Promise<string> {
  const answer = await client.call(project, "GET /repos/{owner}/{repo}/git/commits/{sha}", { sha });
  return parseAnswer(z.object({ message: z.string() }), answer, `commit ${sha}`).message;
}
