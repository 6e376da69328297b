import { z } from "zod";
import { FORGE_HEAD_PAGES_MAX } from "../../../shared/domain/limits.ts";
import { tagOfRef } from "../../../shared/lib/ref-names.ts";
import { gitSha } from "../../../shared/protocol/ids.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import { ForgeError, isTooLarge, type RepositoryTags, type TagHead } from "../../../shared/usecases/forge.ts";
import { type GithubAnswer, type GithubClient, headerOf, parseAnswer } from "./github-client.ts";

/**
 * Tags by GitHub's list of references, which is one answer with all of them (since 2020; older servers send pages, and
 * name the next one): https://docs.github.com/rest/git/refs#list-matching-references. So one etag tells that no tag
 * changed, however many there are. The list of `/tags` knows the commits, but has 100 a page.
 */

const REFS = "GET /repos/{owner}/{repo}/git/matching-refs/{ref}";
const PAGE = 100;
/** A tag of a tag of a tag: git allows it, and nobody does it. */
const DEPTH_MAX = 5;

const object = z.object({ type: z.enum(["commit", "tag", "tree", "blob"]), sha: gitSha });
const refList = z.array(z.object({ ref: z.string(), object }));
const annotated = z.object({ object });

/** Undefined where no tag changed since the answer with that `etag`. */
export async function listTags(
  client: GithubClient,
  project: ProjectItem,
  etag: string | undefined,
): Promise<RepositoryTags | undefined> {
  const tags: TagHead[] = [];
  for (let page = 1; page <= FORGE_HEAD_PAGES_MAX; page += 1) {
    const answer = await readPage(client, project, page, etag);
    if (answer === "empty") return { etag: undefined, isCut: false, tags: [] };
    if (answer === "too large") return { etag: undefined, isCut: true, tags: [] };
    if (answer.status === 304) return undefined;
    tags.push(...tagsOf(answer));
    const isLast = !/\brel="?next"?/.test(headerOf(answer, "link") ?? "");
    // Of pages there is no etag: each has its own, and says nothing of the others.
    if (isLast) return { etag: page === 1 ? headerOf(answer, "etag") : undefined, isCut: false, tags };
  }
  return { etag: undefined, isCut: true, tags };
}

async function readPage(
  client: GithubClient,
  project: ProjectItem,
  page: number,
  etag: string | undefined,
): Promise<GithubAnswer | "empty" | "too large"> {
  const headers = etag === undefined || page > 1 ? {} : { "if-none-match": etag };
  try {
    return await client.call(project, REFS, { ref: "tags", per_page: PAGE, page, headers });
  } catch (error) {
    if (isTooLarge(error)) return "too large";
    // A repository without a commit has no references at all.
    if (error instanceof ForgeError && error.status === 409 && /is empty/i.test(error.message)) return "empty";
    throw error;
  }
}

/** Names as a webhook tells them: DynamoDB stores no half of a surrogate pair. */
function tagsOf(answer: GithubAnswer): TagHead[] {
  return parseAnswer(refList, answer, "list of tags").flatMap(({ ref, object: { sha, type } }) => {
    const tag = tagOfRef(ref)?.toWellFormed();
    return tag === undefined ? [] : [{ tag, sha, kind: type }];
  });
}

/** @see https://docs.github.com/rest/git/tags#get-a-tag */
export async function commitOfTag(
  client: GithubClient,
  project: ProjectItem,
  { sha, kind }: TagHead,
): Promise<string | undefined> {
  let at: z.output<typeof object> = { sha, type: kind };
  for (let depth = 0; at.type === "tag" && depth < DEPTH_MAX; depth += 1) {
    const answer = await client.call(project, "GET /repos/{owner}/{repo}/git/tags/{tag_sha}", { tag_sha: at.sha });
    ({ object: at } = parseAnswer(annotated, answer, `tag ${at.sha}`));
  }
  return at.type === "commit" ? at.sha : undefined;
}
