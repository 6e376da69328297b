import { generateKeyPairSync, sign } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { REFUSALS } from "../support/recording-forge/faults.ts";
import { addCommit, type RepositoryState } from "../support/recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "../support/recording-forge.ts";

/** The recording forge fails as a real one does, over real HTTP. */

const pair = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const SECOND_MS = 1_000;
let nowMs = 1_800_000_000_000;
let forge: RecordingForge;
let repository: RepositoryState;
let sha: string;
beforeEach(async () => {
  const app = { appId: 7, publicKey: pair.publicKey, installationId: 99 };
  forge = await startRecordingForge({ app, nowMs: () => nowMs });
  repository = forge.repository("acme/widgets");
  ({ sha } = addCommit(repository, { branch: "main" }));
});
afterEach(() => forge.stop());

const ask = (path: string, init: RequestInit = {}, authorization = "token ghp_test") =>
  fetch(`${forge.url}${path}`, { redirect: "manual", ...init, headers: { authorization } });
const post = (path: string, body: object) => ask(path, { method: "POST", body: JSON.stringify(body) });
const status = () => post(`/repos/acme/widgets/statuses/${sha}`, { state: "success", context: "x" });

test("a lagging replica does not have a commit yet: 404 to who reads it, 422 to who reports to it, then it has", async () => {
  forge.set({ lagging: { what: sha, times: 2 } });
  expect((await ask(`/repos/acme/widgets/git/commits/${sha}`)).status).toBe(404);
  const refused = await status();
  expect([refused.status, await refused.json()]).toEqual([
    422,
    expect.objectContaining({ message: `No commit found for SHA: ${sha}` }),
  ]);
  expect((await status()).status).toBe(201);
  forge.set({ lagging: { what: sha, forMs: SECOND_MS } });
  expect((await status()).status).toBe(422);
  nowMs += SECOND_MS;
  expect((await status()).status).toBe(201);
});

test("a refusal has GitHub's words, as often as it is set, for the calls that match", async () => {
  forge.set({ refuse: { why: "validation", method: "POST", path: "/statuses/" } });
  expect((await ask("/repos/acme/widgets")).status).toBe(200);
  const refused = await status();
  expect([refused.status, await refused.json()]).toEqual([422, REFUSALS.validation.body]);
  expect((await status()).status).toBe(201);
});

test("a renamed repository redirects to its id, with 301 or 307, until its old name is used again", async () => {
  forge.set({ renamed: { from: "acme/widgets", to: "acme/gadgets" } });
  const read = await ask("/repos/acme/widgets/branches?page=2");
  expect([read.status, read.headers.get("location")]).toEqual([301, `/repositories/${repository.id}/branches?page=2`]);
  expect((await status()).status).toBe(307);
  expect(await (await ask(`/repositories/${repository.id}`)).json()).toMatchObject({ full_name: "acme/gadgets" });
  expect((await ask("/repos/acme/gadgets")).status).toBe(200);
  expect(forge.repository("acme/widgets").id).not.toBe(repository.id);
  expect((await ask("/repos/acme/widgets")).status).toBe(200);
});

test("limits refuse every call until their time is over, and say so as GitHub does", async () => {
  forge.set({ secondaryLimit: { forMs: 90 * SECOND_MS } });
  const refused = await status();
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([403, "90"]);
  forge.set({ rateLimit: { forMs: 90 * SECOND_MS } });
  const { headers } = await status();
  expect([headers.get("x-ratelimit-remaining"), headers.get("x-ratelimit-reset")]).toEqual([
    "0",
    String(nowMs / SECOND_MS + 90),
  ]);
  nowMs += 90 * SECOND_MS;
  expect((await status()).status).toBe(201);
});

test("statuses of one context at a commit, and check runs of one name, have a limit", async () => {
  repository.limits.statuses = 1;
  expect((await status()).status).toBe(201);
  expect(await (await status()).json()).toMatchObject({ message: "Validation Failed" });
});

describe("its clock", () => {
  const mint = (offsetS = 0) => {
    const iat = Math.floor(nowMs / SECOND_MS) + offsetS;
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const text = `${encode({ alg: "RS256" })}.${encode({ iss: 7, iat, exp: iat + 600 })}`;
    const jwt = `${text}.${sign("RSA-SHA256", Buffer.from(text), pair.privateKey).toString("base64url")}`;
    return ask("/app/installations/99/access_tokens", { method: "POST" }, `bearer ${jwt}`);
  };

  test("is told by Date, unless it says none, and judges the times of an App's claims", async () => {
    expect((await mint()).status).toBe(201);
    forge.set({ clockOffsetMs: -45 * SECOND_MS });
    const early = await mint();
    expect([early.status, await early.json()]).toEqual([401, { message: expect.stringContaining("('iat')") }]);
    expect(Date.parse(early.headers.get("date") ?? "")).toBe(nowMs - 45 * SECOND_MS);
    expect((await mint(-45)).status).toBe(201);
    forge.set({ clockOffsetMs: 700 * SECOND_MS, dateless: true });
    const late = await mint();
    expect([late.status, await late.json()]).toEqual([401, { message: expect.stringContaining("('exp')") }]);
    expect(late.headers.get("date")).toBeNull();
  });
});

test("another process sets and heals its faults by HTTP", async () => {
  await post("/_forge/faults", { refuse: { why: "badCredentials", times: 100 } });
  expect((await status()).status).toBe(401);
  await ask("/_forge/faults", { method: "DELETE" });
  expect((await status()).status).toBe(201);
});
