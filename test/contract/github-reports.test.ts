import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ForgeStatus } from "../../shared/usecases/forge.ts";
import { forgeErrorOf, type GithubClient, startGithubClient } from "../support/github-client.ts";
import { addCommit, addPull } from "../support/recording-forge/state.ts";

/** The GitHub client shows statuses and comments, over real HTTP. */

let server: GithubClient["server"];
let repository: GithubClient["repository"];
let github: GithubClient["github"];
let project: GithubClient["project"];
let appProject: GithubClient["appProject"];
beforeEach(async () => {
  ({ server, repository, github, project, appProject } = await startGithubClient());
});
afterEach(() => server.stop());

const STATUS: ForgeStatus = {
  sha: "",
  name: "ci / test",
  key: "run_1/test",
  state: "queued",
  title: "Waits for a runner",
  summary: "…",
  annotations: [],
  trigger: { event: "push", via: "webhook", occurredAtMs: 0, fork: false },
};

describe("statuses", () => {
  let status: ForgeStatus;
  beforeEach(() => {
    status = { ...STATUS, sha: addCommit(repository, { branch: "main" }).sha };
  });

  test("an App makes one check run and changes it in place", async () => {
    const forge = github();
    const id = await forge.putStatus(appProject(), status, undefined);
    const ended: ForgeStatus = {
      ...status,
      state: "completed",
      conclusion: "failure",
      startedAtMs: 1_000,
      endedAtMs: 2_000,
    };
    const annotations = [{ title: "t", message: "m", path: ".baton/ci.yml" }];
    expect(await forge.putStatus(appProject(), { ...ended, annotations, detailsUrl: "https://b.test/r" }, id)).toBe(id);
    expect(repository.checkRuns).toMatchObject([
      {
        id: Number(id),
        external_id: "run_1/test",
        status: "completed",
        conclusion: "failure",
        details_url: "https://b.test/r",
        completed_at: "1970-01-01T00:00:02.000Z",
        output: { annotations: [{ path: ".baton/ci.yml", annotation_level: "failure" }] },
      },
    ]);
  });

  test("a check run whose answer was lost is found again, and not made twice", async () => {
    server.fail({ method: "POST", path: /check-runs$/, how: "lost" });
    const forge = github();
    expect(await forgeErrorOf(forge.putStatus(appProject(), status, undefined))).toMatchObject({ retry: true });
    const id = await forge.putStatus(appProject(), { ...status, state: "in_progress" }, undefined);
    expect(repository.checkRuns).toMatchObject([{ id: Number(id), status: "in_progress" }]);
  });

  test("case C9: without an id the newest of the name goes on, unless it is completed or another App's", async () => {
    const forge = github();
    const id = await forge.putStatus(appProject(), status, undefined);
    expect(await forge.putStatus(appProject(), { ...status, state: "in_progress" }, undefined)).toBe(id);
    await forge.putStatus(appProject(), { ...status, state: "completed", conclusion: "success" }, undefined);
    const next = await forge.putStatus(appProject(), { ...status, key: "run_2/test" }, undefined);
    const [first] = repository.checkRuns;
    if (first === undefined) throw new Error("there is no check run");
    repository.checkRuns.push({ ...first, id: 1_000, app: { id: 1 }, status: "queued", conclusion: null });
    await forge.putStatus(appProject(), { ...status, state: "in_progress" }, next);
    expect(repository.checkRuns.map((run) => [run.app.id, run.status])).toEqual([
      [7, "completed"],
      [7, "in_progress"],
      [1, "queued"],
    ]);
  });

  test("case C9: one that is completed and does not go on, or that GitHub deleted, is followed by another", async () => {
    const forge = github();
    const ended: ForgeStatus = { ...status, state: "completed", conclusion: "failure" };
    const id = await forge.putStatus(appProject(), ended, undefined);
    const next = await forge.putStatus(appProject(), { ...status, state: "in_progress" }, id);
    expect(repository.checkRuns.map((run) => [String(run.id), run.status])).toEqual([
      [id, "completed"],
      [next, "in_progress"],
    ]);
    repository.checkRuns.splice(0);
    const again = await forge.putStatus(appProject(), ended, next);
    expect(repository.checkRuns).toMatchObject([{ id: Number(again), conclusion: "failure" }]);
  });

  test.each([
    ["queued", undefined, "pending"],
    ["in_progress", undefined, "pending"],
    ["completed", "success", "success"],
    ["completed", "skipped", "success"],
    ["completed", "failure", "failure"],
    ["completed", "timed_out", "failure"],
    ["completed", "cancelled", "error"],
    ["completed", "action_required", "pending"],
  ] as const)("with a token, %s %s is the commit status %s", async (state, conclusion, shown) => {
    const title = "x".repeat(300);
    const told = { ...status, state, title, ...(conclusion === undefined ? {} : { conclusion }) };
    await github().putStatus(project(), told, undefined);
    expect(repository.statuses).toMatchObject([{ context: "ci / test", state: shown }]);
    expect(repository.statuses[0]?.description).toHaveLength(140);
  });

  test("an App's tokens are made once, and made anew where they are refused", async () => {
    const forge = github();
    const app = appProject();
    await Promise.all([
      forge.putStatus(app, status, undefined),
      forge.putStatus(app, { ...status, key: "b" }, undefined),
    ]);
    await forge.putStatus(app, { ...status, key: "c" }, undefined);
    expect(server.mintedTokens()).toBe(1);
    server.revokeTokens();
    await forge.putStatus(app, { ...status, key: "d" }, undefined);
    expect(server.mintedTokens()).toBe(2);
  });
});

describe("the comment of a pull request", () => {
  const text = "### Baton";
  beforeEach(() => {
    const { sha } = addCommit(repository, { branch: "main" });
    addPull(repository, { number: 5, branch: "x", sha });
  });

  test("is written once and then changed, also where its id was lost", async () => {
    const forge = github();
    const id = await forge.putComment(project(), 5, text, undefined);
    expect(await forge.putComment(project(), 5, "second", id)).toBe(id);
    expect(await forge.putComment(project(), 5, "third", undefined)).toBe(id);
    expect(repository.comments.map(({ body }) => body)).toEqual([expect.stringMatching(/^<!-- baton:\w+ -->\nthird$/)]);
  });

  test("is written anew where somebody deleted it", async () => {
    const forge = github();
    const id = await forge.putComment(project(), 5, text, undefined);
    repository.comments.splice(0);
    expect(await forge.putComment(project(), 5, text, id)).not.toBe(id);
    expect(repository.comments).toHaveLength(1);
  });

  test("SECURITY 22: somebody else's comment with our marker is not ours", async () => {
    const forge = github();
    await forge.putComment(project(), 5, text, undefined);
    const [ours] = repository.comments;
    if (ours === undefined) throw new Error("there is no comment");
    repository.comments.unshift({ ...ours, id: 1_000, user: { login: "mallory" } });
    await forge.putComment(project(), 5, "again", undefined);
    expect(repository.comments.map(({ user, body }) => [user.login, body.includes("again")])).toEqual([
      ["mallory", false],
      ["baton-bot", true],
    ]);
  });
});
