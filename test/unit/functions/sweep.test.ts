import type { Context, ScheduledEvent } from "aws-lambda";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { sweepLambda } from "../../../functions/sweep-call.ts";
import { headsKey } from "../../../shared/store/keys.ts";
import { headsRefOf } from "../../../shared/usecases/sweep-deps.ts";
import { makeSweepWorld } from "../../support/sweep-world.ts";

type Deps = Parameters<typeof sweepLambda>[0];

function sweepOf(change: Partial<Deps> = {}) {
  const world = makeSweepWorld();
  const { project } = world.addProject("shop");
  const logged: unknown[] = [];
  const seen = { logged, flushed: 0 };
  const observer = {
    log: { ...world.deps.log, error: (_message: string, error: unknown) => void logged.push(error) },
    metrics: world.deps.metrics,
    flush: () => {
      seen.flushed += 1;
    },
    prometheus: async () => "",
    registry: new Registry(),
  };
  const reports = { dueOutboxes: async () => [] };
  // Only what sweep touches: the rest of a function's dependencies is for requests and messages.
  const handler = sweepLambda({ ...world.deps, observer, reports, ...change } as unknown as Deps);
  const call = (leftMs: number) =>
    handler({} as ScheduledEvent, { getRemainingTimeInMillis: () => leftMs } as unknown as Context);
  return { world, project, call, seen };
}

test("a sweep does all its parts and answers what each found", async () => {
  const { world, project, call, seen } = sweepOf();
  expect(await call(30_000)).toEqual({ runs: 0, deliveries: 0, reports: 0, schedules: 0, projects: 1 });
  expect(await world.deps.sweeps.getHeads(headsKey(headsRefOf(project)))).toMatchObject({ state: "active" });
  expect(seen).toEqual({ logged: [], flushed: 1 });
});

test("with too little time left it asks no forge", async () => {
  const { world, call } = sweepOf();
  expect(await call(11_000)).toMatchObject({ projects: 0 });
  expect(world.repositories.get("acme/shop")?.calls).toEqual([]);
});

test("an outbox's key that is none keeps no other report from being asked for", async () => {
  const hints: unknown[] = [];
  const reports = {
    dueOutboxes: async () => [
      { pk: "T#main#NONSENSE", sk: "STATUS" },
      { pk: "T#main#RUN#run_1", sk: "STATUS" },
    ],
  };
  const queues = { ...makeSweepWorld().deps.queues, sendReport: async (ref: unknown) => void hints.push(ref) };
  const { call } = sweepOf({ reports, queues } as unknown as Partial<Deps>);
  await expect(call(30_000)).rejects.toThrow("NONSENSE");
  expect(hints).toEqual([{ tenant: "main", runId: "run_1" }]);
});

test("a part that fails fails the invocation, is logged, and its metrics are written", async () => {
  const reports = {
    dueOutboxes: async () => {
      throw new Error("no index");
    },
  };
  const { world, call, seen } = sweepOf({ reports } as unknown as Partial<Deps>);
  await expect(call(30_000)).rejects.toThrow("these parts of a sweep failed: reports");
  expect(seen).toMatchObject({ logged: [expect.any(AggregateError)], flushed: 1 });
  expect(await world.deps.sweeps.getSweep("main")).toMatchObject({ failedParts: ["reports"] });
});
