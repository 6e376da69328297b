import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeGithubForge } from "../../functions/forges/github/github-forge.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import { type Forge, ForgeError, type ForgeStatus } from "../../shared/usecases/forge.ts";
import { forgeProject } from "../support/forge-project.ts";
import { addCommit, addPull, type RepositoryState } from "../support/recording-forge/state.ts";
import { type RecordingForge, type RecordingForgeOptions, startRecordingForge } from "../support/recording-forge.ts";

/** The GitHub client against a GitHub of our own, over real HTTP. */

const TOKEN = "ghp_0123456789abcdefghijklmnop";
const OTHER_TOKEN = "ghp_abcdefghijklmnop0123456789";
const APP_ID = 7;
const TIMEOUT_MS = 400;

let keys: { privateKey: string; publicKey: ReturnType<typeof generateKeyPairSync>["publicKey"] };
let server: RecordingForge;
let repository: RepositoryState;
let secrets: Map<string, string>;
let warned: string[];

beforeAll(() => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  keys = { privateKey: pair.privateKey.export({ type: "pkcs1", format: "pem" }).toString(), publicKey: pair.publicKey };
});
beforeEach(async () => {
  const app: RecordingForgeOptions["app"] = { appId: APP_ID, publicKey: keys.publicKey, installationId: 99 };
  server = await startRecordingForge({ tokens: { [TOKEN]: "baton-bot", [OTHER_TOKEN]: "baton-bot" }, app });
  repository = server.repository("acme/widgets");
  secrets = new Map([["projects/widgets/forge", bindSecret(server.url, TOKEN)]]);
  warned = [];
});
afterEach(() => server.stop());

function github(hosts: readonly string[] = [server.host]): Forge {
  return makeGithubForge({
    hosts,
    secrets: { read: async (path) => secrets.get(path) },
    clock: systemClock,
    log: { warn: (message) => void warned.push(message) },
    timeoutMs: TIMEOUT_MS,
  });
}
const project = () => forgeProject(server.url);
const keep = (credential: string, address = server.url) =>
  secrets.set("projects/widgets/forge", bindSecret(address, credential));
function appProject() {
  keep(JSON.stringify({ appId: APP_ID, privateKey: keys.privateKey }));
  return forgeProject(server.url, { forge: { credentials: "app" } });
}

const failureOf = async (call: Promise<unknown>): Promise<ForgeError> => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ForgeError)) throw new Error(`expected a ForgeError, and got ${String(error)}`);
  return error;
};

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

  test("has no pipelines where there is no such folder, which is not an error", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { readme: "x" } });
    expect(await github().listDefinitions(project(), sha)).toEqual([]);
  });

  test("a commit that the forge does not know yet is worth asking for again; a repository that it does not is not", async () => {
    addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
    const unknown = "f".repeat(40);
    expect(await failureOf(github().listDefinitions(project(), unknown))).toMatchObject({ status: 404, retry: true });
    const elsewhere = forgeProject(server.url, { forge: { repository: "acme/nothing" } });
    expect(await failureOf(github().listDefinitions(elsewhere, unknown))).toMatchObject({ status: 404, retry: false });
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
    expect(await failureOf(github().listDefinitions(project(), sha))).toMatchObject(expected);
    expect(await failureOf(github().readFile(project(), sha, ".baton/ci.yml"))).toMatchObject(expected);
  });

  test("has no pipelines where a file is called like the folder", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { ".baton": "x" } });
    expect(await github().listDefinitions(project(), sha)).toEqual([]);
  });

  test("a definition larger than any may be is refused", async () => {
    const { sha } = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "#".repeat(600 * 1_024) } });
    expect(await failureOf(github().readFile(project(), sha, ".baton/ci.yml"))).toMatchObject({
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
    expect(await failureOf(forge.putStatus(appProject(), status, undefined))).toMatchObject({ retry: true });
    const id = await forge.putStatus(appProject(), { ...status, state: "in_progress" }, undefined);
    expect(repository.checkRuns).toMatchObject([{ id: Number(id), status: "in_progress" }]);
  });

  test("of another run's check run of the same name nothing is changed", async () => {
    const forge = github();
    await forge.putStatus(appProject(), { ...status, key: "run_0/test" }, undefined);
    await forge.putStatus(appProject(), { ...status, state: "in_progress" }, undefined);
    expect(repository.checkRuns.map((run) => [run.external_id, run.status])).toEqual([
      ["run_0/test", "queued"],
      ["run_1/test", "in_progress"],
    ]);
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

describe("a forge that fails", () => {
  const call = () => github().defaultBranch(project());
  const answering = (status: number, headers: Readonly<Record<string, string>> = {}, body: unknown = {}) =>
    server.fail({ how: { status, headers, body } });

  test.each([500, 502, 503, 408])("%i may go better the next time", async (status) => {
    answering(status);
    expect(await failureOf(call())).toMatchObject({ status, retry: true });
  });

  test.each([401, 403, 404, 410, 422])("%i does not", async (status) => {
    answering(status);
    expect(await failureOf(call())).toMatchObject({ status, retry: false });
  });

  test("a rate limit says how long to wait", async () => {
    answering(429, { "retry-after": "7" });
    expect(await failureOf(call())).toMatchObject({ retry: true, retryAfterMs: 7_000 });
    const resetS = Math.ceil(systemClock.nowMs() / 1_000) + 100;
    answering(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(resetS) });
    const { retry, retryAfterMs = 0 } = await failureOf(call());
    expect([retry, retryAfterMs > 90_000, retryAfterMs <= 101_000]).toEqual([true, true, true]);
    answering(403, {}, { message: "You have exceeded a secondary rate limit" });
    expect(await failureOf(call())).toMatchObject({ retry: true, retryAfterMs: 60_000 });
  });

  test("no answer in time, and a connection that is cut, may go better the next time", async () => {
    server.fail({ how: "hang" });
    expect(await failureOf(call())).toMatchObject({
      retry: true,
      message: expect.stringContaining(`${TIMEOUT_MS} ms`),
    });
    server.fail({ how: "reset" });
    expect(await failureOf(call())).toMatchObject({ retry: true });
  });

  test("SECURITY 12: no error and no log line names a credential, not even one that the server says back", async () => {
    answering(403, {}, { message: `no: token ${TOKEN} may not` });
    const quoted = await failureOf(call());
    answering(500);
    const broken = await failureOf(call());
    keep(`{"appId": 7, "privateKey": "-----BEGIN oops`);
    const malformed = await failureOf(
      github().defaultBranch(forgeProject(server.url, { forge: { credentials: "app" } })),
    );
    const unusable = {
      appId: 7,
      installationId: 99,
      privateKey: "-----BEGIN PRIVATE KEY-----\noops\n-----END PRIVATE KEY-----",
    };
    keep(JSON.stringify(unusable));
    const bad = await failureOf(github().defaultBranch(forgeProject(server.url, { forge: { credentials: "app" } })));
    const shown = [quoted, broken, malformed, bad].map((error) => [
      error.message,
      error.stack,
      JSON.stringify(error),
      String(error.cause),
    ]);
    expect(JSON.stringify([shown, warned])).not.toMatch(/0123456789abc|oops/);
    expect(malformed).toMatchObject({ retry: false });
  });

  test("SECURITY 33: credentials are sent to no other address than they were given for, whatever the project says now", async () => {
    addCommit(repository, { branch: "main" });
    for (const stored of [TOKEN, bindSecret("https://other.example", TOKEN), bindSecret(`${server.url}/x`, TOKEN)]) {
      secrets.set("projects/widgets/forge", stored);
      expect(await failureOf(github().defaultBranch(project()))).toMatchObject({ status: undefined, retry: true });
    }
    expect(server.requests).toEqual([]);
  });

  test("credentials that are changed are taken up after the first refusal", async () => {
    addCommit(repository, { branch: "main" });
    const forge = github();
    keep("ghp_old");
    expect(await failureOf(forge.defaultBranch(project()))).toMatchObject({ status: 401, retry: false });
    keep(TOKEN);
    expect(await forge.defaultBranch(project())).toMatchObject({ branch: "main" });
  });

  test("credentials that worked, and were changed meanwhile, cost no call", async () => {
    addCommit(repository, { branch: "main" });
    const forge = github();
    await forge.defaultBranch(project());
    keep(OTHER_TOKEN);
    server.fail({ how: { status: 401 } });
    expect(await forge.defaultBranch(project())).toMatchObject({ branch: "main" });
    server.fail({ times: 2, how: { status: 401 } });
    expect(await failureOf(forge.defaultBranch(project()))).toMatchObject({ status: 401, retry: false });
  });

  test("a project without credentials is told so, before anything is asked", async () => {
    secrets.clear();
    expect(await failureOf(call())).toMatchObject({ retry: false, message: expect.stringContaining("no credentials") });
    expect(server.requests).toEqual([]);
  });

  test("credentials that cannot be read now are no refusal: the call may succeed later", async () => {
    addCommit(repository, { branch: "main" });
    const read = secrets.get.bind(secrets);
    secrets.get = () => {
      throw new Error("ThrottlingException");
    };
    const forge = github();
    const error = await failureOf(forge.defaultBranch(project()));
    expect(error).toMatchObject({ retry: true, cause: expect.objectContaining({ message: "ThrottlingException" }) });
    secrets.get = read;
    expect(await forge.defaultBranch(project())).toMatchObject({ branch: "main" });
  });
});

describe("SECURITY 33: addresses", () => {
  test("a host that no operator named is not called", async () => {
    const error = await failureOf(github(["api.github.com"]).defaultBranch(project()));
    expect(error).toMatchObject({ retry: false, message: expect.stringContaining("not among the forge hosts") });
    expect(server.requests).toEqual([]);
  });

  test("a redirect on the same server is followed, as of a renamed repository; one to elsewhere is not", async () => {
    addCommit(repository, { branch: "main" });
    const renamed = forgeProject(server.url, { forge: { repository: "acme/old" } });
    const moved = (location: string, status = 301) =>
      server.fail({ path: /acme\/old$/, how: { status, headers: { location } } });
    moved(`${server.url}/repos/acme/widgets`);
    server.fail({
      path: /acme\/old\/branches/,
      how: { status: 301, headers: { location: "/repos/acme/widgets/branches/main" } },
    });
    expect(await github().defaultBranch(renamed)).toMatchObject({ branch: "main" });
    moved("http://169.254.169.254/latest/meta-data");
    expect(await failureOf(github().defaultBranch(renamed))).toMatchObject({ retry: false });
    moved("https://api.github.com/repos/acme/widgets", 307);
    expect(await failureOf(github().defaultBranch(renamed))).toMatchObject({ retry: false });
  });

  test.each([
    "http://169.254.169.254",
    "http://[fe80::1]",
    "http://[::ffff:169.254.169.254]",
    "http://[fd00:ec2::254]",
  ])("%s is never called, whoever named it", async (apiUrl) => {
    keep(TOKEN, apiUrl);
    const error = await failureOf(github([new URL(apiUrl).host]).defaultBranch(forgeProject(apiUrl)));
    expect(error).toMatchObject({ retry: false, message: expect.stringContaining("never called") });
  });

  test("the public forge is called over HTTPS only", async () => {
    keep(TOKEN, "http://api.github.com");
    const error = await failureOf(github(["api.github.com"]).defaultBranch(forgeProject("http://api.github.com")));
    expect(error.message).toContain("HTTPS only");
  });

  test("an answer that does not end is cut", async () => {
    server.fail({ how: { status: 200, body: "x".repeat(17 * 1_024 * 1_024) } });
    expect(await failureOf(github().defaultBranch(project()))).toMatchObject({ status: 413, retry: false });
  });
});
