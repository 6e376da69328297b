import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTable } from "../../localstack/create-resources.ts";
import { ENGINE_PORT, findDynamoEngine, startDynamoEngine } from "../../localstack/dynamo-engine.ts";
import { type BatonUp, batonUp } from "../support/baton-up.ts";
import { CHROMIUM, type Finding, type HostileSite, hasChromium, openHostileSite } from "../support/hostile-page.ts";
import { listeningSockets } from "../support/listening-ports.ts";
import { tableClient } from "../support/table-client.ts";

/** A web page that is open in a browser, on the machine where `baton up` runs. The page knows Baton, and every port. */

const PLANTED = "planted-by-a-web-page";
const TIMEOUT_MS = 300_000;

if (!hasChromium()) console.log(`no browser at ${CHROMIUM}: what a web page can do to baton up is not tried`);

describe.skipIf(!hasChromium())("case A1: a web page of another origin", () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-page-"));
  let up: BatonUp;
  let site: HostileSite;

  beforeAll(async () => {
    [up, site] = await Promise.all([batonUp({ slots: 1, folder }), openHostileSite()]);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await site?.close();
    await up?.discard();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What listens here, and where the engine would if it had no namespace. */
  const ports = () => [...new Set([...listeningSockets(up.pid).map(({ port }) => port), ENGINE_PORT])];
  const nothingRuns = async () => {
    expect((await up.client.call("listRuns", { query: { limit: 10 } })).runs).toEqual([]);
    expect(JSON.stringify(await up.client.call("status", { query: {} }))).not.toContain(PLANTED);
  };

  test(
    "SECURITY 6: case A1: reads nothing of any port of baton up, and plants nothing",
    async () => {
      expect(ports().length).toBeGreaterThan(2);
      for (const port of ports())
        for (const host of ["127.0.0.1", "localhost", "0.0.0.0", "[::1]"])
          expect(await site.attack(`http://${host}:${port}`, PLANTED), `${host}:${port}`).toEqual([]);
      await nothingRuns();
    },
    TIMEOUT_MS,
  );

  test(
    "SECURITY 6: case A1: reads only refusals once its name is rebound to the loopback",
    async () => {
      for (const { port } of listeningSockets(up.pid)) {
        const read = await site.attackRebound(port, PLANTED);
        expect(read.length, String(port)).toBeGreaterThan(10);
        expect(read.filter(isMoreThanARefusal), String(port)).toEqual([]);
      }
      await nothingRuns();
    },
    TIMEOUT_MS,
  );

  test(
    "case A1: this very attack reads and writes the engine where its port is open and its address told",
    async () => {
      const engine = await startDynamoEngine(findDynamoEngine(process.platform, process.arch), undefined, []);
      try {
        const region = { region: "us-east-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } };
        await createTable(new DynamoDBClient({ ...tableClient(engine.reach), ...region }));
        const read = await site.attack(engine.reach.endpoint, PLANTED);
        for (const what of ["DynamoDB ListTables (cors)", "DynamoDB Scan (cors)", "DynamoDB PutItem (cors)"])
          expect(read).toContainEqual(expect.objectContaining({ what, status: 200 }));
        // It finds there what it has planted before.
        const again = await site.attack(engine.reach.endpoint, PLANTED);
        expect(again.find(({ what }) => what === "DynamoDB Scan (cors)")?.text).toContain(PLANTED);
        expect(engine.reach.exposed).toContain("other users of this machine can reach the table");
      } finally {
        await engine.stop();
      }
    },
    TIMEOUT_MS,
  );
});

/** A refusal says what it refuses, in a few words. */
function isMoreThanARefusal({ status, text }: Finding): boolean {
  return status < 400 || text.length > 400;
}
