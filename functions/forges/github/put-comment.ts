import { createHash } from "node:crypto";
import { z } from "zod";
import type { ProjectItem } from "../../../shared/store/items.ts";
import { type GithubClient, type GithubIdentity, parseAnswer } from "./github-client.ts";
import { isNotFound } from "./read-repository.ts";
import { withinBytes } from "./shown-text.ts";

/** One comment of ours on a pull request, found again by a marker that nobody sees. */

const COMMENT_BYTES_MAX = 65_000;
const PAGE = 100;
const LOOK_PAGES_MAX = 30;

const commentSchema = z.object({
  id: z.int().positive(),
  body: z.string().nullish(),
  user: z.object({ login: z.string() }).nullish(),
  performed_via_github_app: z.object({ id: z.int() }).nullish(),
});
type Comment = z.output<typeof commentSchema>;
const written = z.object({ id: z.int() });

/** Answers the comment's id. One that somebody deleted is written anew. */
export async function putComment(
  client: GithubClient,
  project: ProjectItem,
  { number, text }: { readonly number: number; readonly text: string },
  externalId: string | undefined,
): Promise<string> {
  const marker = markerOf(project);
  const body = `${marker}\n${withinBytes(text, COMMENT_BYTES_MAX)}`;
  if (externalId !== undefined && (await changeComment(client, project, externalId, body))) return externalId;
  const id = await findComment(client, project, number, marker);
  if (id !== undefined && (await changeComment(client, project, id, body))) return id;
  const issue = { issue_number: number, body };
  const answer = await client.call(project, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", issue);
  return String(parseAnswer(written, answer, "new comment").id);
}

/** Two projects may watch one repository. */
function markerOf({ tenant, name }: ProjectItem): string {
  const digest = createHash("sha256").update(`${tenant}/${name}`).digest("hex").slice(0, 16);
  return `<!-- baton:${digest} -->`;
}

/** False where it is not there. */
async function changeComment(client: GithubClient, project: ProjectItem, id: string, body: string): Promise<boolean> {
  try {
    const change = { comment_id: id, body };
    const answer = await client.call(project, "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", change);
    // A proxy's page has the status of a success, too.
    parseAnswer(written, answer, "changed comment");
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function findComment(
  client: GithubClient,
  project: ProjectItem,
  number: number,
  marker: string,
): Promise<string | undefined> {
  const me = await client.identify(project);
  for (let page = 1; page <= LOOK_PAGES_MAX; page += 1) {
    const where = { issue_number: number, per_page: PAGE, page };
    const answer = await client.call(project, "GET /repos/{owner}/{repo}/issues/{issue_number}/comments", where);
    const comments = parseAnswer(z.array(commentSchema), answer, "list of comments");
    const mine = comments.find((comment) => isOurs(comment, me) && comment.body?.startsWith(marker));
    if (mine !== undefined) return String(mine.id);
    if (comments.length < PAGE) return undefined;
  }
  return undefined;
}

/** Whoever writes our marker into a comment of their own must not have us speak in it. */
function isOurs(comment: Comment, me: GithubIdentity): boolean {
  if (me.kind === "app") return comment.performed_via_github_app?.id === me.appId;
  return comment.user?.login === me.login;
}
