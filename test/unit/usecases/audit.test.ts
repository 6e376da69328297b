import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AUDIT_MS } from "../../../shared/domain/limits.ts";
import type { AuditActor } from "../../../shared/protocol/audit.ts";
import { FUNCTIONS, type Uses } from "../../../shared/resources.ts";
import { auditKey } from "../../../shared/store/keys.ts";
import { readAudit, recordAudit } from "../../../shared/usecases/audit.ts";
import { bootstrap } from "../../../shared/usecases/bootstrap.ts";
import { listTokens } from "../../../shared/usecases/manage-tokens.ts";
import { storedItem } from "../../support/scenario.ts";
import { startWorld, type World } from "../../support/world.ts";

const OWNER: AuditActor = { kind: "token", id: "t1", name: "owner" };
const root = path.resolve(import.meta.dirname, "../../..");

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const record = (subject: string, id?: string) =>
  recordAudit(world.deps, {
    action: "run.cancel",
    actor: OWNER,
    subject,
    details: { subject },
    ...(id === undefined ? {} : { id }),
  });

test("SECURITY 35: an entry that is written again under its id stays what it was, and expires after 400 days", async () => {
  const id = world.deps.random.ulid(world.clock.nowMs);
  await record("first", id);
  await record("second", id);
  const item = await storedItem(world, auditKey("main", "2026-01-01", id));
  expect(item).toMatchObject({ subject: "first", details: { subject: "first" }, actor: OWNER });
  expect(item?.["ttl"]).toBe((world.clock.nowMs + AUDIT_MS) / 1_000);
});

test("SECURITY 35: a deployment's first token is in the audit before there is one", async () => {
  const addSigningKey = async () => "made" as const;
  const full = {
    ...world.deps,
    addSigningKey,
    audit: { ...world.deps.audit, append: () => Promise.reject(new Error("full")) },
  };
  await expect(bootstrap(full, { name: "unaudited", scopes: ["admin"] })).rejects.toThrow("full");
  const names = async () => (await listTokens(world.deps)).map(({ name }) => name);
  expect(await names()).not.toContain("unaudited");
  const { view } = await bootstrap({ ...world.deps, addSigningKey }, { name: "first", scopes: ["admin"] });
  expect(await names()).toContain("first");
  const { entries } = await readAudit(world.deps, { limit: 200 });
  expect(entries.find(({ subject }) => subject === view.id)).toMatchObject({
    action: "token.create",
    actor: { kind: "operator" },
    details: { name: "first", scopes: ["admin"] },
  });
});

test("a day is read page by page, oldest first, and another day not with it", async () => {
  world.clock.nowMs = Date.UTC(2026, 5, 1, 23, 59, 59);
  const wanted = Array.from({ length: 5 }, (_, n) => `run-${n}`);
  for (const subject of wanted) {
    await record(subject);
    world.clock.nowMs += 1;
  }
  world.clock.nowMs = Date.UTC(2026, 5, 2);
  await record("the next day");
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await readAudit(world.deps, { day: "2026-06-01", limit: 2, cursor });
    expect(page.entries.length).toBeLessThanOrEqual(2);
    seen.push(...page.entries.map(({ subject }) => subject));
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(seen).toEqual(wanted);
  expect((await readAudit(world.deps, { limit: 9 })).entries.map(({ subject }) => subject)).toEqual(["the next day"]);
});

test("SECURITY 35: no function may delete items, and no source asks the table to", () => {
  for (const [name, { uses }] of Object.entries<{ readonly uses: Uses }>(FUNCTIONS))
    expect(uses.table ?? [], name).not.toContainEqual(expect.stringMatching(/Delete|Batch|PartiQL/));
  const sources = filesOf("shared", "functions");
  const deleting = /\b(DeleteCommand|DeleteItemCommand|BatchWrite\w*|ExecuteStatement\w*|Delete:)/;
  expect(sources.filter((file) => deleting.test(textOf(file)))).toEqual([]);
});

test("SECURITY 35: audit items are reached through the audit's store alone, which has no way to change one", () => {
  const naming = filesOf("shared", "functions").filter((file) => /\baudit(Key|Partition)\b/.test(textOf(file)));
  expect(naming.sort()).toEqual([
    "shared/store/dynamo-audit-store.ts",
    "shared/store/keys.ts",
    "shared/usecases/audit.ts",
  ]);
  expect(textOf("shared/store/dynamo-audit-store.ts")).not.toMatch(/Update|Transact/);
});

const textOf = (file: string) => readFileSync(path.join(root, file), "utf8");

function filesOf(...folders: string[]): string[] {
  const listed = execFileSync("git", ["ls-files", "--", ...folders], { cwd: root, encoding: "utf8" });
  return listed.split("\n").filter((file) => file.endsWith(".ts"));
}
