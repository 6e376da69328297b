import { z } from "zod";
import { FORGE_HEAD_PAGES_MAX } from "../../../shared/domain/limits.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";
import { gitSha } from "../../../shared/protocol/ids.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { BranchHead, RepositoryHeads } from "../../../shared/usecases/forge.ts";
import { type GithubAnswer, type GithubClient, headerOf, parseAnswer } from "./github-client.ts";
import { pullSchema, toPullTrigger } from "./read-pull.ts";

/**
 * Heads of branches and of open pull requests, page by page. Each page has an etag of its own: asked with it, an
 * unchanged page costs nothing of the rate limit. The last page is never full, so that one more entry changes a page
 * that is already known.
 */

const PAGE = 100;
const LISTS = {
  branches: "GET /repos/{owner}/{repo}/branches",
  pulls: "GET /repos/{owner}/{repo}/pulls",
} as const;
type ListName = keyof typeof LISTS;

const branchList = z.array(z.object({ name: z.string(), commit: z.object({ sha: gitSha }) }));
const pullList = z.array(pullSchema);

const seenSchema = z.object({ branches: z.array(z.string()), pulls: z.array(z.string()) });
type Seen = z.output<typeof seenSchema>;

/** Undefined where no page changed since the answer with that `etag`. */
export async function listHeads(
  client: GithubClient,
  project: ProjectItem,
  etag: string | undefined,
): Promise<RepositoryHeads | undefined> {
  const seen = etag === undefined ? undefined : parseSeen(etag);
  if (seen !== undefined && (await isUnchanged(client, project, seen))) return undefined;
  const branches = await readPages(client, project, "branches");
  const pulls = await readPages(client, project, "pulls");
  return {
    etag: joinSeen(branches.etags, pulls.etags),
    isCut: branches.isCut || pulls.isCut,
    branches: branches.pages.flatMap((page) => parseAnswer(branchList, page, "list of branches")).map(toHead),
    pulls: pulls.pages.flatMap((page) => parseAnswer(pullList, page, "list of pull requests")).map(toPullTrigger),
  };
}

async function isUnchanged(client: GithubClient, project: ProjectItem, seen: Seen): Promise<boolean> {
  for (const list of ["branches", "pulls"] as const) {
    for (const [at, known] of seen[list].entries()) {
      const { status } = await readPage(client, project, list, at + 1, { "if-none-match": known });
      if (status !== 304) return false;
    }
  }
  return true;
}

function readPage(
  client: GithubClient,
  project: ProjectItem,
  list: ListName,
  page: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<GithubAnswer> {
  const open = list === "pulls" ? { state: "open" } : {};
  return client.call(project, LISTS[list], { ...open, per_page: PAGE, page, headers });
}

async function readPages(client: GithubClient, project: ProjectItem, list: ListName) {
  const pages: GithubAnswer[] = [];
  for (let page = 1; page <= FORGE_HEAD_PAGES_MAX; page += 1) {
    const answer = await readPage(client, project, list, page);
    pages.push(answer);
    if (!Array.isArray(answer.data) || answer.data.length < PAGE) return { pages, etags: etagsOf(pages), isCut: false };
  }
  return { pages, etags: etagsOf(pages), isCut: true };
}

const etagsOf = (pages: readonly GithubAnswer[]) => pages.map((each) => headerOf(each, "etag"));

/** Undefined where a page came without an etag: then the next look reads all again. */
function joinSeen(
  branches: readonly (string | undefined)[],
  pulls: readonly (string | undefined)[],
): string | undefined {
  if ([...branches, ...pulls].includes(undefined)) return undefined;
  return JSON.stringify({ branches, pulls });
}

/** Ours from before; anything else is as good as none. */
function parseSeen(etag: string): Seen | undefined {
  return seenSchema.safeParse(parseJson(etag)).data;
}

const toHead = ({ name, commit }: z.output<typeof branchList>[number]): BranchHead => ({
  branch: name,
  sha: commit.sha,
});
