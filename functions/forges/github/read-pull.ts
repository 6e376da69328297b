import { z } from "zod";
import { gitSha } from "../../../shared/protocol/ids.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { PullTrigger } from "../../../shared/usecases/forge.ts";
import { type GithubClient, parseAnswer } from "./github-client.ts";
import { isNotFound, requireRepository } from "./read-repository.ts";

/** A pull request as GitHub's API shows it, alone or in a list. */

const repositoryOf = z.object({ id: z.int().nullish(), full_name: z.string() }).nullish();
const time = z.iso.datetime({ offset: true });
export const pullSchema = z.object({
  number: z.int().positive(),
  updated_at: time,
  user: z.object({ login: z.string() }).nullish(),
  head: z.object({ ref: z.string(), sha: gitSha, repo: repositoryOf }),
  base: z.object({ ref: z.string(), sha: gitSha, repo: repositoryOf }),
});
type Pull = z.output<typeof pullSchema>;

const alone = pullSchema.extend({ state: z.enum(["open", "closed"]), closed_at: time.nullish() });

/** @see https://docs.github.com/rest/pulls/pulls#get-a-pull-request */
export async function readPull(
  client: GithubClient,
  project: ProjectItem,
  number: number,
): Promise<PullTrigger | undefined> {
  const what = { pull_number: number };
  const answer = await client.call(project, "GET /repos/{owner}/{repo}/pulls/{pull_number}", what).catch(unlessMissing);
  if (answer === undefined) {
    await requireRepository(client, project);
    return undefined;
  }
  const pull = parseAnswer(alone, answer, `pull request ${number}`);
  const trigger = toPullTrigger(pull);
  if (pull.state === "open") return trigger;
  // As its webhook names the time: the two are then one closing.
  return { ...trigger, action: "closed", occurredAtMs: Date.parse(pull.closed_at ?? pull.updated_at) };
}

function unlessMissing(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

type Told = NonNullable<z.output<typeof repositoryOf>>;
/** By their ids; a server that tells none has names. */
const isSame = (one: Told, other: Told): boolean =>
  one.id == null || other.id == null ? one.full_name === other.full_name : one.id === other.id;

/** A head whose repository was deleted came from a fork: one's own repository is there. */
export function toPullTrigger({ number, updated_at: updatedAt, user, head, base }: Pull): PullTrigger {
  const own = head.repo != null && base.repo != null && isSame(head.repo, base.repo);
  return {
    event: "pull_request",
    action: "synchronize",
    sha: head.sha,
    occurredAtMs: Date.parse(updatedAt),
    ...(user == null ? {} : { actor: user.login }),
    number,
    branch: head.ref.toWellFormed(),
    base: { branch: base.ref, sha: base.sha },
    fork: !own,
  };
}
