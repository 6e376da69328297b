import { inTurn } from "../../../shared/lib/in-turn.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { Forge } from "../../../shared/usecases/forge.ts";
import { surfaceOf } from "../../../shared/usecases/reported.ts";
import { type GithubOptions, makeGithubClient } from "./github-client.ts";
import { listHeads } from "./list-heads.ts";
import { commitOfTag, listTags } from "./list-tags.ts";
import { putCheckRun } from "./put-check-run.ts";
import { putComment } from "./put-comment.ts";
import { putCommitStatus } from "./put-commit-status.ts";
import { readPull } from "./read-pull.ts";
import {
  branchHead,
  changedPaths,
  commitMessage,
  defaultBranch,
  listDefinitions,
  readFile,
  readRepository,
} from "./read-repository.ts";

/** GitHub, and GitHub Enterprise Server, by their REST API. */
export function makeGithubForge(options: GithubOptions): Forge {
  const client = makeGithubClient(options);
  const allTags = inTurn((project: ProjectItem) => listTags(client, project, undefined));
  return {
    listDefinitions: (project, sha) => listDefinitions(client, project, sha),
    readFile: (project, sha, path) => readFile(client, project, sha, path),
    changedPaths: (project, before, after, since) => changedPaths(client, project, [before, after], since),
    readRepository: (project) => readRepository(client, project),
    defaultBranch: (project) => defaultBranch(client, project),
    branchHead: (project, branch) => branchHead(client, project, branch),
    commitMessage: (project, sha) => commitMessage(client, project, sha),
    listHeads: (project, etag) => listHeads(client, project, etag),
    // A whole list may have 16 MiB, and ten times that while it is read: one at a time.
    listTags: (project, etag) => (etag === undefined ? allTags(project) : listTags(client, project, etag)),
    commitOfTag: (project, tag) => commitOfTag(client, project, tag),
    readPull: (project, number) => readPull(client, project, number),
    putStatus: (project, status, externalId) =>
      surfaceOf(project) === "checks"
        ? putCheckRun(client, project, status, externalId)
        : putCommitStatus(client, project, status),
    readToken: (project) => client.readToken(project),
    putComment: (project, number, text, externalId) => putComment(client, project, { number, text }, externalId),
  };
}
