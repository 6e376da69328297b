import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { bundleCode, bundleFunctions, type FunctionBundle } from "../../infra/bundle-functions.ts";
import { FUNCTIONS, QUEUES } from "../../shared/resources.ts";

const run = promisify(execFile);
const BUNDLE_BYTES_MAX = 1_000_000;
const ROUNDS = 5;
const ADMIN = fileURLToPath(new URL("../../functions/admin.ts", import.meta.url));
const KEY = Buffer.alloc(32, 7).toString("base64url");

let folder: string;
let bundles: readonly FunctionBundle[];
let ssm: Server;
const asked: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "baton-bundles-"));
  bundles = await bundleFunctions(join(folder, "functions"));
  ssm = await listen(
    createServer(async (request, response) => {
      const body = z.object({ Name: z.string() }).parse(JSON.parse(Buffer.concat(await request.toArray()).toString()));
      asked.push(body.Name);
      response.setHeader("content-type", "application/x-amz-json-1.1");
      response.end(JSON.stringify({ Parameter: { Name: body.Name, Value: KEY } }));
    }),
  );
});
afterAll(() => {
  ssm.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What Lambda gives a function, and what CDK adds. Nothing of this machine. */
function environment(): Record<string, string> {
  const at = `http://127.0.0.1:${(ssm.address() as AddressInfo).port}`;
  const queues = Object.keys(QUEUES).map((name) => [`BATON_${name.toUpperCase()}_QUEUE_URL`, `${at}/0/baton-${name}`]);
  return {
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_ENDPOINT_URL_SSM: at,
    BATON_TABLE: "baton-table",
    BATON_BUCKET: "baton-products",
    ...Object.fromEntries(queues),
    BATON_POOL_QUEUE_URL_PREFIX: `${at}/0/baton-pool-`,
    BATON_SIGNING_KEY_PARAMETER: "/baton/main/signing-key",
  };
}

const loaded = z.object({ ms: z.number(), type: z.string(), answer: z.unknown().optional() });

/** Loads a bundle in a process of its own, outside of this folder, and calls it with an event where one is given. */
async function load(file: string, event?: object): Promise<z.output<typeof loaded>> {
  const program = `
    const { handler } = await import(${JSON.stringify(pathToFileURL(file).href)});
    const ms = performance.now(); // Since the process began.
    const event = ${JSON.stringify(event)};
    const answer = event === undefined ? undefined : await handler(event, {});
    console.log(JSON.stringify({ ms, type: typeof handler, answer }));`;
  const args = ["--input-type=module", "--eval", program];
  const { stdout } = await run(process.execPath, args, { cwd: tmpdir(), env: environment() });
  return loaded.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}

describe("bundles", () => {
  test("every function is one file of at most 1 MB", () => {
    for (const { name, bytes } of bundles)
      process.stdout.write(`  ${name.padEnd(10)} ${(bytes / 1_024).toFixed(0)} KiB\n`);
    expect(bundles.map(({ name }) => name)).toEqual(Object.keys(FUNCTIONS));
    for (const { name, bytes } of bundles) expect(bytes, name).toBeLessThanOrEqual(BUNDLE_BYTES_MAX);
  });

  test("the same sources give the same bundles: nothing is deployed that did not change", async () => {
    const codes = await Promise.all([1, 2].map(() => bundleCode(ADMIN)));
    expect(codes[0]).toBe(codes[1]);
  });

  test("they need nothing but Node: no package, no SDK of the runtime's", () => {
    for (const { name, folder: at } of bundles) {
      const imports = [
        ...readFileSync(join(at, "index.mjs"), "utf8").matchAll(/(?:^|[;}\n])import[^'"();]*?from\s*["']([^"']+)["']/g),
      ];
      const others = imports
        .map((found) => found[1] ?? "")
        .filter((id) => !id.startsWith("node:") && !BUILTIN.test(id));
      expect(others, name).toEqual([]);
    }
  });

  test("SECURITY 9: the API's answers a request, and only the lease function reads the signing key", async () => {
    const event = { routeKey: "GET /healthz", headers: {}, requestContext: { requestId: "one" } };
    for (const { name, folder: at } of bundles) {
      asked.splice(0);
      const { answer } = await load(join(at, "index.mjs"), name === "api" ? event : undefined);
      if (name === "api") expect(answer).toMatchObject({ statusCode: 200, body: '{"ok":true}' });
      expect(asked, name).toEqual(name === "lease" ? ["/baton/main/signing-key"] : []);
    }
  });

  test("each loads with what Lambda gives it; how long that takes is printed", async () => {
    const empty = join(folder, "empty.mjs");
    writeFileSync(empty, "export const handler = async () => ({});\n");
    const base = await fastest(empty);
    for (const { name, folder: at } of bundles) {
      const { ms, type } = await fastest(join(at, "index.mjs"));
      expect(type, name).toBe("function");
      process.stdout.write(
        `  ${name.padEnd(10)} ${ms.toFixed(0).padStart(4)} ms from the start of Node, ${(ms / base.ms).toFixed(1)} times an empty handler's ${base.ms.toFixed(0)} ms
`,
      );
    }
  });
});

const BUILTIN =
  /^(assert|async_hooks|buffer|child_process|cluster|crypto|events|fs|http|http2|https|net|os|path|perf_hooks|process|stream|tls|url|util|v8|zlib)(\/|$)/;

/** The least of some rounds: what else this machine does only adds. */
async function fastest(file: string): Promise<z.output<typeof loaded>> {
  const rounds: z.output<typeof loaded>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await load(file));
  return rounds.reduce((best, one) => (one.ms < best.ms ? one : best));
}

function listen(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
