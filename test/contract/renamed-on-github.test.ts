import { afterEach, beforeEach, expect, test } from "vitest";
import type { ProjectItem } from "../../shared/store/items.ts";
import { forgeErrorOf, type GithubClient, startGithubClient } from "../support/github-client.ts";
import { addCommit, addPull } from "../support/recording-forge/state.ts";

/** The GitHub client and a repository that is renamed, over real HTTP. */

let github: GithubClient;
let known: ProjectItem;
beforeEach(async () => {
  github = await startGithubClient();
  known = { ...github.project(), repositoryId: String(github.repository.id) };
});
afterEach(() => github.server.stop());

const rename = () => github.server.set({ renamed: { from: "acme/widgets", to: "initech/gadgets" } });

test("case C6: a repository is found by its old name, which leads to the new one", async () => {
  const forge = github.github();
  expect(await forge.readRepository(github.project())).toEqual({ id: known.repositoryId, name: "acme/widgets" });
  rename();
  const now = { id: known.repositoryId, name: "initech/gadgets" };
  expect(await forge.readRepository(github.project())).toEqual(now);
  expect(await forge.readRepository(known)).toEqual(now);
});

test("case C6: it is found by its id where another repository has its old name, or nothing has", async () => {
  rename();
  const other = github.server.repository("acme/widgets");
  expect(String(other.id)).not.toBe(known.repositoryId);
  const now = { id: known.repositoryId, name: "initech/gadgets" };
  expect(await github.github().readRepository(known)).toEqual(now);
  const gone = { ...known, forge: { ...known.forge, repository: "acme/never" } };
  expect(await github.github().readRepository(gone)).toEqual(now);
  expect(await forgeErrorOf(github.github().readRepository({ ...gone, repositoryId: "999" }))).toMatchObject({
    status: 404,
  });
});

test("case C6: reads and statuses go through its old name until that is followed", async () => {
  const { sha } = addCommit(github.repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
  rename();
  const forge = github.github();
  expect(await forge.listDefinitions(known, sha)).toEqual([".baton/ci.yml"]);
  const status = {
    sha,
    name: "ci / build",
    key: "k",
    state: "queued",
    title: "t",
    summary: "s",
    annotations: [],
  } as const;
  const trigger = { event: "push", via: "webhook", occurredAtMs: 0, branch: "main", fork: false } as const;
  await forge.putStatus(known, { ...status, trigger }, undefined);
  expect(github.repository.statuses).toMatchObject([{ sha, context: "ci / build" }]);
});

test("case C6: an App's tokens are for the repository's id, where that is known", async () => {
  addCommit(github.repository, { branch: "main" });
  const project = github.appProject();
  const asked = () =>
    github.server.requests.filter(({ path }) => path.endsWith("/access_tokens")).map(({ body }) => body);
  await github.github().defaultBranch(project);
  expect(asked()).toEqual([{ repositories: ["widgets"] }]);
  await github.github().defaultBranch({ ...project, repositoryId: known.repositoryId });
  expect(asked().at(-1)).toEqual({ repository_ids: [Number(known.repositoryId)] });
});

test("case C6: an App finds a repository that was renamed before its id was known", async () => {
  addCommit(github.repository, { branch: "main" });
  const project = github.appProject();
  rename();
  const body = { message: "There is at least one repository that does not exist or is not accessible" };
  github.server.fail({ path: /access_tokens$/, how: { status: 422, body } });
  expect(await github.github().readRepository(project)).toEqual({ id: known.repositoryId, name: "initech/gadgets" });
  const asked = github.server.requests
    .filter(({ path }) => path.endsWith("/access_tokens"))
    .map(({ body: one }) => one);
  expect(asked).toEqual([
    { repositories: ["widgets"] },
    { permissions: { metadata: "read" } },
    { repository_ids: [Number(known.repositoryId)] },
  ]);
});

test("case C6, SECURITY 19: whether a pull request is a fork's, ids say", async () => {
  addCommit(github.repository, { branch: "main" });
  const head = addCommit(github.repository, { branch: "feature" });
  addPull(github.repository, { number: 1, branch: "feature", sha: head.sha });
  addPull(github.repository, { number: 2, branch: "feature", sha: head.sha, from: "mallory/widgets" });
  expect(await github.github().readPull(known, 1)).toMatchObject({ fork: false });
  expect(await github.github().readPull(known, 2)).toMatchObject({ fork: true });
});
