import { afterAll, beforeAll, expect, test } from "vitest";
import { cancelRun } from "../../shared/usecases/cancel-run.ts";
import { listProjects } from "../../shared/usecases/manage-projects.ts";
import { createToken, listTokens } from "../../shared/usecases/manage-tokens.ts";
import { readJob, readJobs, readRun } from "../../shared/usecases/read-runs.ts";
import { reconcileRun } from "../../shared/usecases/reconcile-run.ts";
import { startTriggered } from "../../shared/usecases/start-triggered.ts";
import { driveToEnd } from "../support/drive.ts";
import { planOf, runOf, startRun } from "../support/scenario.ts";
import { addShop, pullOf, shaOf } from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/** The embedded engine has no lagging replicas: only the requests can tell whether a decision would rest on one. */

interface Read {
  readonly operation: string;
  readonly index: string | undefined;
  readonly consistent: boolean;
}

let world: World;
const reads: Read[] = [];
beforeAll(async () => {
  world = await startWorld();
  world.client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const input = args.input as { ConsistentRead?: boolean; IndexName?: string; RequestItems?: object };
        if (/^(Get|BatchGet|Query|Scan)/.test(commandName ?? "")) {
          const consistent = input.ConsistentRead === true;
          reads.push({ operation: String(commandName), index: input.IndexName, consistent });
        }
        return next(args);
      },
    { step: "initialize" },
  );
});
afterAll(() => world.stop());

test("case T1: every read of the table itself is strongly consistent; only an index, which never decides, is not", async () => {
  const { deps } = world;
  const { runId } = await startRun(deps, planOf({ id: "a" }, { id: "b", needs: ["a"] }, { id: "c", needs: ["b"] }));
  await driveToEnd(world, runId, { playOf: (job) => (job === "b" ? "failed" : "succeeded") });
  await readRun(deps, runId);
  await readJobs(deps, runId);
  await readJob(deps, runId, "a");
  const second = await startRun(deps, planOf({ id: "a" }));
  await cancelRun(deps, { tenant: "main", runId: second.runId }, { actor: "token:test" });
  await reconcileRun(deps, { tenant: "main", runId: second.runId, seq: (await runOf(deps, second.runId)).tickSeq });
  const shop = await addShop(world);
  shop.repository.filesAt.set(shaOf("head"), new Map([[".baton/ci.yml", "on: pull_request\njobs: {a: {run: x}}\n"]]));
  await startTriggered(deps, shop.project, pullOf(world, "head"), "webhook");
  await createToken(deps, { name: "t", scopes: ["read"] });
  await listTokens(deps);
  await listProjects(deps);

  const ofTable = reads.filter(({ index }) => index === undefined);
  expect(new Set(ofTable.map(({ operation }) => operation))).toEqual(new Set(["GetItemCommand", "QueryCommand"]));
  expect(ofTable.filter(({ consistent }) => !consistent)).toEqual([]);
});
