import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import type { AuditEntry } from "../../shared/protocol/audit.ts";
import { ApiError, type CallInput, type Client, makeClient } from "../../shared/protocol/client.ts";
import { routes } from "../../shared/protocol/routes.ts";
import { createRunOf, runEnds } from "../support/run-ends.ts";
import { spawnRunner } from "../support/runner-process.ts";

/** Projects, secrets and the audit over the real stack's HTTP, and a real runner that gets a secret. */

const FORGE_TOKEN = "ghp_token-that-nobody-may-see";
const VALUE = "value-that-nobody-may-see";
const ON_MAIN = "value-for-main-that-nobody-may-see";
const POOLS = ["default", "idle"];

let stateDir: string;
let stack: SpawnedStack;
let client: Client;
let names = 0;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "baton-projects-"));
  await up();
});
afterAll(async () => {
  await stack.stop();
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

async function up(): Promise<void> {
  stack = await spawnStack({ stateDir, pools: POOLS });
  client = makeClient({ url: stack.url, token: stack.token });
}

type AddBody = CallInput<"addProject">["body"];
const bodyOf = (name: string, change: Partial<AddBody["forge"]> = {}): AddBody => ({
  name,
  forge: { kind: "github", repository: "owner/app", credentials: "token", ...change },
  ...(change.credentials === "none" ? {} : { secret: { kind: "token", token: FORGE_TOKEN } }),
});
function newName(): string {
  names += 1;
  return `project-${names}`;
}
async function added(): Promise<string> {
  const name = newName();
  await client.call("addProject", { body: bodyOf(name) });
  return name;
}
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "accepted";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect(error.message).not.toMatch(/nobody-may-see/);
    return error.code;
  }
}

async function today(): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.call("readAudit", { query: { limit: 50, ...(cursor === undefined ? {} : { cursor }) } });
    entries.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return entries;
}

describe("a project", () => {
  test("is added once by many at once, shown without its credentials, changed and removed", async () => {
    const name = newName();
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => client.call("addProject", { body: bodyOf(name) })),
    );
    const made = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(made).toHaveLength(1);
    expect(Buffer.from(made[0]?.webhookSecret ?? "", "base64url")).toHaveLength(32);
    expect(made[0]?.webhookPath).toBe(`/v1/webhooks/github/${name}`);
    const { project } = await client.call("getProject", { params: { project: name } });
    const { projects } = await client.call("listProjects", {});
    expect(projects.filter((one) => one.name === name)).toEqual([project]);
    expect(JSON.stringify([project, projects])).not.toMatch(/nobody-may-see|ecret/);
    const { forge, forks, reports } = project;
    const body = { forge, forks: { ...forks, mode: "never" as const }, reports };
    const changed = await client.call("changeProject", { params: { project: name }, body });
    expect(changed.project).toMatchObject({ name, createdAtMs: project.createdAtMs, forks: { mode: "never" } });
    await client.call("removeProject", { params: { project: name } });
    expect(await refusal(client.call("getProject", { params: { project: name } }))).toBe("not_found");
    expect(await refusal(client.call("removeProject", { params: { project: name } }))).toBe("not_found");
    expect((await client.call("listProjects", {})).projects.map((one) => one.name)).not.toContain(name);
  });

  test("that comes again under the name of a removed one has none of its secrets", async () => {
    const name = await added();
    await client.call("setSecret", { params: { project: name, name: "KEY" }, body: { value: VALUE } });
    await client.call("removeProject", { params: { project: name } });
    await client.call("addProject", { body: bodyOf(name, { credentials: "none" }) });
    expect(await client.call("listSecrets", { params: { project: name } })).toEqual({ secrets: [] });
  });

  test("SECURITY 12: a clone token stands beside a token, goes to one server over https, and is never shown", async () => {
    const cloneToken = "ghp_clone-token-that-nobody-may-see";
    const add = (change: Partial<AddBody["forge"]>) =>
      refusal(client.call("addProject", { body: { ...bodyOf(newName(), change), cloneToken } }));
    expect(await add({ credentials: "none" })).toBe("bad_request");
    expect(await add({ cloneUrl: "http://git.example/owner/app.git" })).toBe("bad_request");
    expect(await add({ cloneUrl: "git@github.com:owner/app.git" })).toBe("bad_request");
    const name = newName();
    const { project } = await client.call("addProject", { body: { ...bodyOf(name), cloneToken } });
    const { forge, forks, reports } = project;
    const change = async (next: Partial<AddBody["forge"]>, more: { cloneToken?: string | null } = {}) => {
      const body = { forge: { ...forge, ...next }, forks, reports, ...more };
      const changed = await client.call("changeProject", { params: { project: name }, body });
      expect(JSON.stringify(changed)).not.toMatch(/nobody-may-see/);
      return changed.project.hasCloneToken;
    };
    expect([project.hasCloneToken, await change({ repository: "owner/renamed" })]).toEqual([true, true]);
    const elsewhere = { cloneUrl: "https://elsewhere.example/owner/app.git" };
    expect(await refusal(change(elsewhere))).toBe("bad_request");
    expect(await refusal(change({ cloneUrl: "http://github.com/owner/app.git" }))).toBe("bad_request");
    expect(await change(elsewhere, { cloneToken })).toBe(true);
    expect([await change(elsewhere, { cloneToken: null }), await change(elsewhere)]).toEqual([false, false]);
    const told = (await today()).flatMap(({ subject, details }) => (subject === name ? [details["cloneToken"]] : []));
    expect(told).toEqual(["given", undefined, "given", "removed", undefined]);
  });

  test("SECURITY 33: on a host that the operator did not name is refused, and so are credentials without it", async () => {
    const add = (change: Partial<AddBody["forge"]>) =>
      refusal(client.call("addProject", { body: bodyOf(newName(), change) }));
    for (const apiUrl of [
      "https://evil.example",
      "http://169.254.169.254",
      "http://api.github.com",
      "https://x@api.github.com",
    ])
      expect(await add({ apiUrl }), apiUrl).toBe("bad_request");
    expect(await add({ repository: "owner/.." })).toBe("bad_request");
    const { secret: _, ...without } = bodyOf(newName());
    expect(await refusal(client.call("addProject", { body: without }))).toBe("bad_request");
    const other = { ...bodyOf(newName()), forge: { ...bodyOf("x").forge, credentials: "app" as const } };
    expect(await refusal(client.call("addProject", { body: other }))).toBe("bad_request");
  });

  test("has a webhook secret that is rotated, and an old one that is dropped", async () => {
    const name = await added();
    const rotate = (action: "rotate" | "drop_old") =>
      client.call("rotateWebhook", { params: { project: name }, body: { action } });
    const first = await rotate("rotate");
    const second = await rotate("rotate");
    expect(first.webhookSecret).toHaveLength(43);
    expect(second.webhookSecret).not.toBe(first.webhookSecret);
    expect(await rotate("drop_old")).toEqual({});
  });
});

describe("a secret", () => {
  let project: string;
  beforeEach(async () => {
    project = await added();
  });
  const set = (name: string, body: CallInput<"setSecret">["body"]) =>
    client.call("setSecret", { params: { project, name }, body });

  test("is set, listed by name and pattern, and removed", async () => {
    await set("KEY", { value: VALUE });
    await set("KEY", { value: "another that nobody-may-see" });
    await set("KEY", { value: ON_MAIN, branch: "release/*" });
    const listed = await client.call("listSecrets", { params: { project } });
    expect(listed.secrets).toMatchObject([{ name: "KEY" }, { name: "KEY", branch: "release/*" }]);
    expect(JSON.stringify(listed)).not.toMatch(/nobody-may-see/);
    const remove = (query: CallInput<"removeSecret">["query"]) =>
      client.call("removeSecret", { params: { project, name: "KEY" }, ...(query === undefined ? {} : { query }) });
    await remove({ branch: "release/*" });
    expect(await refusal(remove({ branch: "release/*" }))).toBe("not_found");
    expect((await client.call("listSecrets", { params: { project } })).secrets).toMatchObject([{ name: "KEY" }]);
  });

  test("with a name, a pattern or a value that cannot be is refused, and its value is not repeated", async () => {
    for (const name of ["1KEY", "a-b", "BATON_KEY", "__proto__"])
      expect(await refusal(set(name, { value: VALUE })), name).toBe("bad_request");
    for (const branch of ["!main", "a b", "+(a)", "x".repeat(101), "[z-a]*", "refs/heads/main"])
      expect(await refusal(set("KEY", { value: VALUE, branch })), branch).toBe("bad_request");
    for (const value of ["", `${VALUE}\0`, VALUE.repeat(200)])
      expect(await refusal(set("KEY", { value }))).toBe("bad_request");
    expect(
      await refusal(client.call("setSecret", { params: { project: "nope", name: "A" }, body: { value: VALUE } })),
    ).toBe("not_found");
  });

  test("SECURITY 24: is answered to the lease of the job that names it, for its branch, and is not to be kept", async () => {
    await set("KEY", { value: VALUE });
    await set("KEY", { value: ON_MAIN, branch: "m*" });
    const definition = { path: "t.yml", text: "jobs: {a: {pool: idle, secrets: [KEY, NONE], run: 'true'}}\n" };
    const source = { kind: "git" as const, url: "https://example.com/r.git", sha: "a".repeat(40), branch: "main" };
    const { run } = await client.call("createRun", { body: { project, definition, source } });
    const session = await client.call("openSession", { body: { name: "by-hand", pools: ["idle"], slots: 1 } });
    const params = { run: run.id, job: "a" };
    const grant = await client.call(
      "claim",
      { params, body: { claimId: "claim-0123456789abcdef", fence: 0 } },
      { token: session.sessionToken },
    );
    expect(grant.secrets).toEqual(["KEY", "NONE"]);
    expect(JSON.stringify(grant)).not.toMatch(/nobody-may-see/);
    const path = routes.secrets.path.replace(/\{(\w+)\}/g, (_, key) => ({ ...params, fence: "1" })[key as "run"] ?? "");
    const reply = await fetch(stack.url + path, { headers: { authorization: `Bearer ${grant.leaseToken}` } });
    expect([reply.status, reply.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await reply.json()).toEqual({ values: { KEY: ON_MAIN } });
    for (const token of [session.sessionToken, stack.token])
      expect([401, 409]).toContain(
        (await fetch(stack.url + path, { headers: { authorization: `Bearer ${token}` } })).status,
      );
  });

  test("reaches the step of a job that names it; one that nobody has fails the job as tooling", async () => {
    await set("KEY", { value: VALUE });
    const runner = await spawnRunner({ url: stack.url, token: stack.token, args: ["--slots", "2"] });
    try {
      // By its digest: the value itself would be in the table, as part of the script.
      const digest = createHash("sha256").update(VALUE).digest("hex");
      const script = `printf %s "$KEY" | sha256sum | grep ${digest} && echo "it is $KEY"`;
      const text = `jobs: {a: {secrets: [KEY], run: '${script}'}, b: {secrets: [NONE], run: 'true'}}\n`;
      const { run } = await client.call("createRun", { body: { project, definition: { path: "t.yml", text } } });
      await runEnds(client, run.id);
      const { job: a } = await client.call("getJob", { params: { run: run.id, job: "a" } });
      const { job: b } = await client.call("getJob", { params: { run: run.id, job: "b" } });
      expect([a.state, b.state]).toEqual(["succeeded", "failed"]);
      expect(JSON.stringify(b)).toContain('\\"NONE\\"');
      expect(JSON.stringify(b)).toContain('"tooling"');
      const uses = (await today()).filter(({ action, subject }) => action === "secret.use" && subject === run.id);
      expect(uses).toMatchObject([{ details: { project, job: "a", fence: 1, names: ["KEY"] } }]);
    } finally {
      await runner.discard();
    }
  });
});

test("SECURITY 35: what is done with rights is in the audit, oldest first, with who did it", async () => {
  const project = await added();
  await client.call("setSecret", { params: { project, name: "KEY" }, body: { value: VALUE, branch: "main" } });
  await client.call("removeSecret", { params: { project, name: "KEY" }, query: { branch: "main" } });
  const { view } = await client.call("createToken", { body: { name: "short", scopes: ["read", "runner"] } });
  await client.call("revokeToken", { params: { token: view.id } });
  const session = await client.call("openSession", { body: { name: "r7", pools: ["idle"], slots: 1 } });
  const runId = await createRunOf(client, "jobs: {a: {pool: idle, run: 'true'}}\n");
  await client.call("cancelRun", { params: { run: runId }, body: {} });
  await client.call("removeProject", { params: { project } });
  const subjects = new Set([project, view.id, session.runnerId, runId]);
  const entries = (await today()).filter(({ subject }) => subjects.has(subject));
  expect(entries.map(({ action }) => action)).toEqual([
    "project.add",
    "secret.set",
    "secret.remove",
    "token.create",
    "token.revoke",
    "session.open",
    "run.cancel",
    "project.remove",
  ]);
  expect(entries.map(({ actor }) => [actor.kind, actor.name])).toEqual(entries.map(() => ["token", "owner"]));
  expect(entries[1]?.details).toEqual({ name: "KEY", branch: "main" });
  expect(entries[5]?.details).toEqual({ runner: "r7", pools: ["idle"] });
  expect(JSON.stringify(entries)).not.toMatch(/nobody-may-see/);
  expect((await client.call("readAudit", { query: { day: "2020-02-02" } })).entries).toEqual([]);
});

test("SECURITY 12: kill -9 loses no secret and no entry, and no file or log of the stack holds a value", async () => {
  const project = await added();
  await client.call("setSecret", { params: { project, name: "KEY" }, body: { value: VALUE } });
  const before = await today();
  stack.kill();
  await stack.exited;
  await up();
  const { secrets } = await client.call("listSecrets", { params: { project } });
  expect(secrets).toMatchObject([{ name: "KEY" }]);
  expect(await today()).toEqual(before);
  const files = readdirSync(stateDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const holding = files.filter((entry) => {
    const bytes = readFileSync(join(entry.parentPath, entry.name));
    return bytes.includes(FORGE_TOKEN) || bytes.includes(VALUE);
  });
  expect(files.length).toBeGreaterThan(5);
  expect(holding.map(({ name }) => name)).toEqual([]);
});
