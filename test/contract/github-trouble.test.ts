import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../shared/lib/clock.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import { forgeProject } from "../support/forge-project.ts";
import {
  forgeErrorOf,
  type GithubClient,
  OTHER_TOKEN,
  startGithubClient,
  TIMEOUT_MS,
  TOKEN,
} from "../support/github-client.ts";
import { startHttpRecorder } from "../support/http-recorder.ts";
import { addCommit } from "../support/recording-forge/state.ts";

/** The GitHub client where the forge fails, over real HTTP, and whom it never calls. */

let server: GithubClient["server"];
let repository: GithubClient["repository"];
let secrets: GithubClient["secrets"];
let warned: GithubClient["warned"];
let github: GithubClient["github"];
let project: GithubClient["project"];
let keep: GithubClient["keep"];
beforeEach(async () => {
  ({ server, repository, secrets, warned, github, project, keep } = await startGithubClient());
});
afterEach(() => server.stop());

describe("a forge that fails", () => {
  const call = () => github().defaultBranch(project());
  const answering = (
    status: number,
    headers: Readonly<Record<string, string>> = {},
    body: unknown = { message: "no" },
  ) => server.fail({ how: { status, headers, body } });

  test.each([500, 502, 503, 408])("%i may go better the next time", async (status) => {
    answering(status);
    expect(await forgeErrorOf(call())).toMatchObject({ status, retry: true });
  });

  test.each([401, 403, 404, 410, 422])("%i does not", async (status) => {
    answering(status);
    expect(await forgeErrorOf(call())).toMatchObject({ status, retry: false });
  });

  test("a rate limit says how long to wait", async () => {
    answering(429, { "retry-after": "7" });
    expect(await forgeErrorOf(call())).toMatchObject({ retry: true, retryAfterMs: 7_000 });
    const resetS = Math.ceil(systemClock.nowMs() / 1_000) + 100;
    answering(403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(resetS) });
    const { retry, retryAfterMs = 0 } = await forgeErrorOf(call());
    expect([retry, retryAfterMs > 90_000, retryAfterMs <= 101_000]).toEqual([true, true, true]);
    answering(403, {}, { message: "You have exceeded a secondary rate limit" });
    expect(await forgeErrorOf(call())).toMatchObject({ retry: true, retryAfterMs: 60_000 });
  });

  test("no answer in time, and a connection that is cut, may go better the next time", async () => {
    server.fail({ how: "hang" });
    expect(await forgeErrorOf(call())).toMatchObject({
      retry: true,
      message: expect.stringContaining(`${TIMEOUT_MS} ms`),
    });
    server.fail({ how: "reset" });
    expect(await forgeErrorOf(call())).toMatchObject({ retry: true });
  });

  test("SECURITY 12: no error and no log line names a credential, not even one that the server says back", async () => {
    answering(403, {}, { message: `no: token ${TOKEN} may not` });
    const quoted = await forgeErrorOf(call());
    answering(500);
    const broken = await forgeErrorOf(call());
    keep(`{"appId": 7, "privateKey": "-----BEGIN oops`);
    const malformed = await forgeErrorOf(
      github().defaultBranch(forgeProject(server.url, { forge: { credentials: "app" } })),
    );
    const unusable = {
      appId: 7,
      installationId: 99,
      privateKey: "-----BEGIN PRIVATE KEY-----\noops\n-----END PRIVATE KEY-----",
    };
    keep(JSON.stringify(unusable));
    const bad = await forgeErrorOf(github().defaultBranch(forgeProject(server.url, { forge: { credentials: "app" } })));
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
      expect(await forgeErrorOf(github().defaultBranch(project()))).toMatchObject({ status: undefined, retry: true });
    }
    expect(server.requests).toEqual([]);
  });

  test("credentials that are changed are taken up after the first refusal", async () => {
    addCommit(repository, { branch: "main" });
    const forge = github();
    keep("ghp_old");
    expect(await forgeErrorOf(forge.defaultBranch(project()))).toMatchObject({ status: 401, retry: false });
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
    expect(await forgeErrorOf(forge.defaultBranch(project()))).toMatchObject({ status: 401, retry: false });
  });

  test("a project without credentials is told so, before anything is asked", async () => {
    secrets.clear();
    expect(await forgeErrorOf(call())).toMatchObject({
      retry: false,
      message: expect.stringContaining("no credentials"),
    });
    expect(server.requests).toEqual([]);
  });

  test("credentials that cannot be read now are no refusal: the call may succeed later", async () => {
    addCommit(repository, { branch: "main" });
    const read = secrets.get.bind(secrets);
    secrets.get = () => {
      throw new Error("ThrottlingException");
    };
    const forge = github();
    const error = await forgeErrorOf(forge.defaultBranch(project()));
    expect(error).toMatchObject({ retry: true, cause: expect.objectContaining({ message: "ThrottlingException" }) });
    secrets.get = read;
    expect(await forge.defaultBranch(project())).toMatchObject({ branch: "main" });
  });
});

describe("SECURITY 33: addresses", () => {
  test("a host that no operator named is not called", async () => {
    const error = await forgeErrorOf(github(["api.github.com"]).defaultBranch(project()));
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
    expect(await forgeErrorOf(github().defaultBranch(renamed))).toMatchObject({ retry: false });
    moved("https://api.github.com/repos/acme/widgets", 307);
    expect(await forgeErrorOf(github().defaultBranch(renamed))).toMatchObject({ retry: false });
  });

  test.each([301, 302, 307, 308])(
    "cases T1, C6, SECURITY 33: a redirect (%i) to another port of the same host gets neither call nor credential",
    async (status) => {
      const other = await startHttpRecorder(() => ({ status: 200, body: '{"default_branch":"main"}' }));
      try {
        const elsewhere = forgeProject(server.url, { forge: { repository: "acme/elsewhere" } });
        server.fail({
          path: /acme\/elsewhere$/,
          how: { status, headers: { location: `${other.url}/repos/acme/widgets` } },
        });
        // Both may be called: only that the credential is the first one's keeps it from the second.
        const hosts = [new URL(server.url).host, new URL(other.url).host];
        const error = await forgeErrorOf(github(hosts).defaultBranch(elsewhere));
        expect(error).toMatchObject({ retry: false, message: expect.stringContaining("elsewhere") });
        expect(other.heard).toEqual([]);
      } finally {
        await other.stop();
      }
    },
  );

  test.each([
    "http://169.254.169.254",
    "http://[fe80::1]",
    "http://[::ffff:169.254.169.254]",
    "http://[fd00:ec2::254]",
  ])("%s is never called, whoever named it", async (apiUrl) => {
    keep(TOKEN, apiUrl);
    const error = await forgeErrorOf(github([new URL(apiUrl).host]).defaultBranch(forgeProject(apiUrl)));
    expect(error).toMatchObject({ retry: false, message: expect.stringContaining("never called") });
  });

  test("the public forge is called over HTTPS only", async () => {
    keep(TOKEN, "http://api.github.com");
    const error = await forgeErrorOf(github(["api.github.com"]).defaultBranch(forgeProject("http://api.github.com")));
    expect(error.message).toContain("HTTPS only");
  });

  test("an answer that does not end is cut", async () => {
    server.fail({ how: { status: 200, body: "x".repeat(17 * 1_024 * 1_024) } });
    expect(await forgeErrorOf(github(undefined, 30_000).defaultBranch(project()))).toMatchObject({
      status: 413,
      retry: false,
    });
  });
});
