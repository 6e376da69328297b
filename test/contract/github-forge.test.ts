import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { forgeProject } from "../support/forge-project.ts";
import { forgeErrorOf, type GithubClient, startGithubClient } from "../support/github-client.ts";
import { addCommit, addPull } from "../support/recording-forge/state.ts";

/** The GitHub client reads a repository, over real HTTP. */

let server: GithubClient["server"];
let repository: GithubClient["repository"];
let github: GithubClient["github"];
let project: GithubClient["project"];
beforeEach(async () => {
  ({ server, repository, github, project } = await startGithubClient());
});
afterEach(() => server.stop());

describe("a repository", () => {
  test("shows its pipelines at a commit, without the server's own settings", async () => {
    const { sha } = addCommit(repository, {
      branch: "main",
      files: {
        ".baton/ci.yml": "a",
        ".baton/b.yaml": "b",
        ".baton/server.yml": "c",
        ".baton/x.md": "d",
        ".baton/deep/e.yml": "e",
      },
    });
    expect(await github().listDefinitions(project(), sha)).toEqual([".baton/b.yaml", ".baton/ci.yml"]);
  });

  test("case C4: whose folder has more files than the forge lists says so, and does not leave some out", async () => {
    const many = Array.from({ length: 1_001 }, (_, nth) => [`.baton/data-${nth}.json`, "{}"] as const);
    const files = { ".baton/zz.yml": "a", ...Object.fromEntries(many) };
    const { sha } = addCommit(repository, { branch: "main", files });
    expect(await forgeErrorOf(github().listDefinitions(project(), sha))).toMatchObject({
      status: 413,
      message: expect.stringContaining("more files than the forge lists (1000)"),
    });
  });

  test("case C4: a list of pipelines that lags is an empty one, of a commit that is there", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
    server.set({ lagging: { what: "/contents/", times: 1 } });
    expect(await github().listDefinitions(project(), sha)).toEqual([]);
    expect(await github().listDefinitions(project(), sha)).toEqual([".baton/ci.yml"]);
  });

  const STRANGERS = [
    "page",
    "missingPage",
    "denied",
    "badRequest",
    "notAllowed",
    "tooLong",
    "tooLarge",
    "signIn",
  ] as const;
  const READS: Readonly<Record<string, readonly [path: string, read: (sha: string) => Promise<unknown>]>> = {
    "the list of pipelines": ["/contents/", (sha) => github().listDefinitions(project(), sha)],
    "a file": ["/contents/", (sha) => github().readFile(project(), sha, ".baton/ci.yml")],
    "changed paths": ["/compare/", (sha) => github().changedPaths(project(), sha, sha)],
    "a branch": ["/branches/", () => github().branchHead(project(), "main")],
    "the default branch": ["/widgets$", () => github().defaultBranch(project())],
    heads: ["/branches$", () => github().listHeads(project(), undefined)],
    "pull requests": ["/pulls$", () => github().listHeads(project(), undefined)],
    "a pull request": ["/pulls/7$", () => github().readPull(project(), 7)],
    tags: ["/matching-refs/", () => github().listTags(project(), undefined)],
    "a message": ["/git/commits/", (sha) => github().commitMessage(project(), sha)],
    "the repository": ["/widgets$", () => github().readRepository(project())],
  };
  test.each(Object.keys(READS).flatMap((what) => STRANGERS.map((why) => [why, what] as const)))(
    "case C5: a proxy's answer (%s) to %s is neither an absence nor the last word, and the next one is the forge's",
    async (why, what) => {
      const { sha } = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
      addPull(repository, { number: 7, branch: "topic", sha });
      const [path, read] = READS[what] ?? ["", async () => undefined];
      server.set({ refuse: { why, method: "GET", path, times: 1 } });
      const { kind } = await forgeErrorOf(read(sha));
      expect(["passing", "mendable"]).toContain(kind);
      expect(await read(sha)).toBeDefined();
    },
  );

  test("has no pipelines where there is no such folder, which is not an error", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { readme: "x" } });
    expect(await github().listDefinitions(project(), sha)).toEqual([]);
  });

  test("a commit that the forge does not know yet is worth asking for again; a repository that it does not is not", async () => {
    addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
    const unknown = "f".repeat(40);
    expect(await forgeErrorOf(github().listDefinitions(project(), unknown))).toMatchObject({
      status: 404,
      retry: true,
    });
    const elsewhere = forgeProject(server.url, { forge: { repository: "acme/nothing" } });
    expect(await forgeErrorOf(github().listDefinitions(elsewhere, unknown))).toMatchObject({
      status: 404,
      retry: false,
    });
  });

  test("a file is read as it is at the commit; undefined where it is not there, or is a folder", async () => {
    const text = "jobs: {a: {run: 'ü\u{1f600}'}}\n";
    const first = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": text } }).sha;
    const second = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "new" } }).sha;
    const forge = github();
    expect(await forge.readFile(project(), first, ".baton/ci.yml")).toBe(text);
    expect(await forge.readFile(project(), second, ".baton/ci.yml")).toBe("new");
    expect(await forge.readFile(project(), second, ".baton/no.yml")).toBeUndefined();
    expect(await forge.readFile(project(), second, ".baton")).toBeUndefined();
  });

  test.each([
    ["half of an answer", { "content-type": "application/json" }, '{"id":'],
    ["a page of whoever stands between", { "content-type": "text/html" }, "<html>"],
    ["an object of no file", { "content-type": "application/json" }, { id: 1 }],
    ["nothing", {}, ""],
  ])("%s is no word that there is no pipeline, or no file", async (_what, headers, body) => {
    const { sha } = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
    server.fail({ times: 2, how: { status: 200, headers, body } });
    const expected = { message: expect.stringContaining("not as expected"), retry: true };
    expect(await forgeErrorOf(github().listDefinitions(project(), sha))).toMatchObject(expected);
    expect(await forgeErrorOf(github().readFile(project(), sha, ".baton/ci.yml"))).toMatchObject(expected);
  });

  test("has no pipelines where a file is called like the folder", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { ".baton": "x" } });
    expect(await github().listDefinitions(project(), sha)).toEqual([]);
  });

  test("a definition larger than any may be is refused", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "#".repeat(600 * 1_024) } });
    expect(await forgeErrorOf(github().readFile(project(), sha, ".baton/ci.yml"))).toMatchObject({
      status: 413,
      retry: false,
    });
  });

  test("tells what changed since an ancestor, and nothing where that is not all", async () => {
    const first = addCommit(repository, { branch: "main", files: { a: "1", b: "1" } }).sha;
    const second = addCommit(repository, { branch: "main", files: { b: "2", c: "1" } }).sha;
    const side = addCommit(repository, { branch: "side", parent: first, files: { d: "1" } }).sha;
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`many/${at}`, "x"]));
    const third = addCommit(repository, { branch: "main", files: many }).sha;
    const forge = github();
    expect(await forge.changedPaths(project(), first, second)).toEqual(["b", "c"]);
    expect(await forge.changedPaths(project(), second, side)).toBeUndefined();
    expect(await forge.changedPaths(project(), second, side, "mergeBase")).toEqual(["d"]);
    expect(await forge.changedPaths(project(), second, third)).toBeUndefined();
    expect(await forge.changedPaths(project(), "0".repeat(40), third)).toBeUndefined();
  });

  test("names its default branch and that one's head", async () => {
    repository.defaultBranch = "trunk/x";
    const { sha } = addCommit(repository, { branch: "trunk/x" });
    expect(await github().defaultBranch(project())).toEqual({ branch: "trunk/x", sha });
  });

  test("lists every head over all pages, and nothing while nothing has changed", async () => {
    const shas = Array.from({ length: 230 }, (_, at) => addCommit(repository, { branch: `b${at}` }).sha);
    addPull(repository, { number: 1, branch: "b1", sha: shas[1] ?? "", base: "b0", login: "ann" });
    addPull(repository, { number: 2, branch: "patch", sha: shas[2] ?? "", base: "b0", from: "evil/widgets" });
    addPull(repository, { number: 3, branch: "gone", sha: shas[3] ?? "", base: "b0", from: null });
    const forge = github();
    const heads = await forge.listHeads(project(), undefined);
    expect(heads?.branches).toHaveLength(230);
    expect(heads?.pulls.map(({ number, fork }) => [number, fork])).toEqual([
      [1, false],
      [2, true],
      [3, true],
    ]);
    expect(heads?.pulls[0]).toMatchObject({ event: "pull_request", action: "synchronize", actor: "ann", branch: "b1" });
    expect(await forge.listHeads(project(), heads?.etag)).toBeUndefined();
    addCommit(repository, { branch: "b229" });
    const later = await forge.listHeads(project(), heads?.etag);
    expect(later?.branches.find(({ branch }) => branch === "b229")?.sha).not.toBe(shas[229]);
  });

  test("a head more, after pages that were all full, is seen", async () => {
    for (let at = 0; at < 100; at += 1) addCommit(repository, { branch: `b${at}` });
    const forge = github();
    const heads = await forge.listHeads(project(), undefined);
    addCommit(repository, { branch: "last" });
    expect((await forge.listHeads(project(), heads?.etag))?.branches).toHaveLength(101);
  });
});
