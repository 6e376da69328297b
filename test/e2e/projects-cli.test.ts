import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { baton, makePlace, type Place } from "./cli-process.ts";

/** `baton projects`, `secrets` and `audit`, as a user starts them. */

const FORGE_TOKEN = "ghp_token-that-nobody-may-see";
const CLONE_TOKEN = "ghp_clone-token-that-nobody-may-see";
let stack: SpawnedStack;
let place: Place;
let stateDir: string;

beforeAll(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "baton-projects-cli-"));
  stack = await spawnStack({ stateDir, memory: true });
  place = makePlace();
});
afterAll(async () => {
  await stack.stop();
  place.remove();
  rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

const ask = (args: readonly string[], input = "") =>
  baton(place, args, { env: { BATON_URL: stack.url, BATON_TOKEN: stack.token }, input }).ended;
async function done(args: readonly string[], input = ""): Promise<string> {
  const { code, stdout, stderr } = await ask(args, input);
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  return stdout;
}

test("a project is added with a token from stdin, and told where its webhook goes; its secret alone is on stdout", async () => {
  const { code, stdout, stderr } = await ask(
    ["projects", "add", "app", "--repo", "owner/app", "--token-stdin"],
    `${FORGE_TOKEN}\n`,
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
  expect(stderr).toContain(`${stack.url}/v1/webhooks/github/app`);
  expect(stderr).toContain("Pushes, Pull requests");
  expect(stderr).toContain("there is no pool forks");
  expect(stderr).not.toContain(stdout.trim());
  await done(["projects", "change", "app", "--forks", "never", "--comment"]);
  const shown = await done(["projects", "show", "app"]);
  expect(shown).toMatch(/forks +never run\n/);
  expect(shown).toMatch(/reports +statuses, and a comment\n/);
  expect(await done(["projects", "list"])).toMatch(/^PROJECT.*\napp +owner\/app +token +never +statuses/);
  expect(shown + (await done(["projects", "show", "app", "--json"]))).not.toContain("nobody-may-see");
  expect(await done(["projects", "rotate-webhook", "app"])).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
  expect(await done(["projects", "rotate-webhook", "app", "--drop-old"])).toContain("only the newest");
});

test("a clone token comes from stdin, alone or as the second line, and is never shown", async () => {
  const add = ["projects", "add", "cloned", "--repo", "owner/cloned", "--token-stdin", "--clone-token-stdin"];
  expect((await ask(add, `${FORGE_TOKEN}\n`)).stderr).toContain("two lines");
  await done([...add, "--reports", "statuses", "--forks", "never"], `${FORGE_TOKEN}\n${CLONE_TOKEN}\n`);
  const show = () => done(["projects", "show", "cloned"]);
  expect(await show()).toMatch(/clone token +given to runners\n/);
  await done(["projects", "change", "cloned", "--comment"]);
  expect(await show()).toMatch(/clone token +given to runners\n/);
  await done(["projects", "change", "cloned", "--no-clone-token"]);
  expect(await show()).toMatch(/clone token +none\n/);
  await done(["projects", "change", "cloned", "--clone-token-stdin"], `${CLONE_TOKEN}\n`);
  const told = (await show()) + (await done(["projects", "show", "cloned", "--json"])) + (await done(["audit"]));
  expect(told).toMatch(/clone token +given to runners\n/);
  expect(told).not.toContain("nobody-may-see");
  const url = ["projects", "change", "cloned", "--clone-url", "https://elsewhere.example/owner/cloned.git"];
  expect((await ask(url)).stderr).toContain("needs its clone token anew");
});

test("an App's key comes from a file, and what is missing is said", async () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  place.write({ "app.pem": privateKey.export({ type: "pkcs1", format: "pem" }).toString() });
  const add = ["projects", "add", "as-app", "--repo", "owner/app"];
  expect((await ask(add)).stderr).toContain("--token-stdin, --app-id or --no-credentials");
  const misnamed = await ask(["projects", "add", "as app", "--repo", "owner/app", "--no-credentials"]);
  expect(misnamed.stderr).toMatch(/^baton: [^\n]*a project name is 1 to 64 letters[^\n]*\n$/);
  expect((await ask([...add, "--app-id", "7"])).stderr).toContain("--private-key-file");
  expect((await ask([...add, "--app-id", "7", "--private-key-file", "no.pem"])).stderr).toContain("cannot read no.pem");
  const reply = await done([...add, "--app-id", "7", "--private-key-file", "app.pem", "--json"]);
  expect(JSON.parse(reply)).toMatchObject({
    project: { forge: { credentials: "app" }, reports: { mode: "checks" } },
    webhookUrl: `${stack.url}/v1/webhooks/github/as-app`,
  });
  expect(reply).not.toContain("PRIVATE KEY");
});

test("SECURITY 12: a secret comes from stdin, is never shown, and is refused as an argument without being repeated", async () => {
  await done(["projects", "add", "sec", "--repo", "owner/sec", "--no-credentials"]);
  const digest = createHash("sha256").update("a value").digest("hex");
  const refused = await ask(["secrets", "set", "sec", "KEY", digest]);
  expect(refused.code).toBe(2);
  expect(refused.stdout + refused.stderr).not.toContain(digest);
  await done(["secrets", "set", "sec", "KEY"], `${digest}\n`);
  await done(["secrets", "set", "sec", "KEY", "--branch", "release/*", "--value-stdin"], `${digest}\ntwo\n`);
  expect((await ask(["secrets", "set", "sec", "KEY"], "")).stderr).toContain("the value is empty");
  const listed = await done(["secrets", "list", "sec"]);
  expect(listed).toMatch(/^SECRET.*\nKEY +all .*\nKEY +release\/\* .*\n$/);
  await done(["secrets", "rm", "sec", "KEY", "--branch", "release/*"]);
  expect((await ask(["secrets", "rm", "sec", "KEY", "--branch", "release/*"])).code).toBe(2);
  await done(["projects", "rm", "sec"]);
  const audit = await done(["audit"]);
  expect(audit).toMatch(/secret\.set +token owner +sec +branch=release\/\* name=KEY\n/);
  expect(audit).toMatch(/project\.remove +token owner +sec\n/);
  expect(listed + audit).not.toContain(digest);
  const document = JSON.parse(await done(["audit", "--json"]));
  expect(document.entries.length).toBeGreaterThan(4);
});
