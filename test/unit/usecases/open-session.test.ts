import { afterAll, beforeAll, expect, test } from "vitest";
import { SESSION_MS } from "../../../shared/domain/limits.ts";
import type { PoolOffers } from "../../../shared/store/pool-offers.ts";
import { verifySession } from "../../../shared/usecases/lease-token.ts";
import { openSession, type SessionDeps } from "../../../shared/usecases/open-session.ts";
import { type OfferDeps, receiveOffers, removeOffers, returnOffers } from "../../../shared/usecases/poll-offers.ts";
import type { QueueAccess } from "../../../shared/usecases/queue-credentials.ts";
import { sessionOf, startWorld, type World } from "../../support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld(["default", "gpu"]);
});
afterAll(() => world.stop());

const CREDENTIALS = { accessKeyId: "ASIA", secretAccessKey: "s", sessionToken: "t" };
const request = { name: "host", pools: ["gpu"], poll: "queue", ephemeral: false, slots: 1 } as const;
const noOffers: PoolOffers = {
  receive: async () => [],
  remove: async () => undefined,
  putBack: async () => undefined,
};

/** The world's deps, where STS lends credentials for so long. */
function lending(restMs: number | undefined, poolOffers?: PoolOffers): SessionDeps & { asked: QueueAccess[] } {
  const asked: QueueAccess[] = [];
  const expiry = restMs === undefined ? {} : { expiresAtMs: world.clock.nowMs + restMs };
  const runnerSqs = {
    region: "eu-central-1",
    async credentialsFor(access: QueueAccess) {
      asked.push(access);
      return { credentials: CREDENTIALS, ...expiry };
    },
  };
  const settings = { ...world.deps.settings, runnerSqs };
  return { ...world.deps, settings, asked, ...(poolOffers === undefined ? {} : { poolOffers }) };
}

test("a session names its pools' queues, and credentials that were asked for these pools alone", async () => {
  const deps = lending(undefined);
  const session = await openSession(deps, request);
  expect(session).toMatchObject({
    expiresInMs: SESSION_MS,
    pools: [{ name: "gpu", queueUrl: "http://queues.test/gpu" }],
    sqs: { region: "eu-central-1", credentials: CREDENTIALS },
  });
  expect(deps.asked).toEqual([{ pools: ["gpu"], runnerId: session.runnerId, ephemeral: false }]);
});

test("a session, and its token, end with its credentials where those end sooner", async () => {
  const restMs = SESSION_MS - 4 * 60_000;
  const { expiresInMs, sessionToken } = await openSession(lending(restMs), request);
  expect(expiresInMs).toBe(restMs);
  const { signer } = world.deps;
  expect(verifySession(signer, sessionToken, world.clock.nowMs + restMs - 1)).toMatchObject({ pools: ["gpu"] });
  expect(verifySession(signer, sessionToken, world.clock.nowMs + restMs)).toBeUndefined();
});

test("SECURITY 23: only an ephemeral session's token is bound to one claim", async () => {
  const deps = lending(undefined);
  const claims = async (ephemeral: boolean) => {
    const { sessionToken } = await openSession(deps, { ...request, ephemeral });
    return verifySession(deps.signer, sessionToken, world.clock.nowMs);
  };
  expect((await claims(true))?.ephemeral).toBe(true);
  expect((await claims(false))?.ephemeral).toBeUndefined();
  expect(deps.asked.map(({ ephemeral }) => ephemeral)).toEqual([true, false]);
});

test("a runner that polls through the API gets no queue credentials, where it may, and is refused where not", async () => {
  const deps = lending(undefined, noOffers);
  const session = await openSession(deps, { ...request, poll: "api" });
  expect(session.sqs).toBeUndefined();
  expect(deps.asked).toEqual([]);
  const refused = openSession(lending(undefined), { ...request, poll: "api" });
  await expect(refused).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("BATON_API_POLLING"),
  });
});

test.each([
  [
    "receive",
    (deps: OfferDeps, pool: string) => receiveOffers(deps, sessionOf("r1"), pool, { max: 1, waitSeconds: 0 }),
  ],
  ["remove", (deps: OfferDeps, pool: string) => removeOffers(deps, sessionOf("r1"), pool, ["receipt"])],
  ["return", (deps: OfferDeps, pool: string) => returnOffers(deps, sessionOf("r1"), pool, ["receipt"])],
])("a session may %s offers of its own pools, and only where polling is on", async (_what, call) => {
  await call(lending(undefined, noOffers), "default");
  await expect(call(lending(undefined, noOffers), "gpu")).rejects.toMatchObject({ code: "forbidden" });
  await expect(call(lending(undefined), "default")).rejects.toMatchObject({ code: "forbidden" });
});

test("a pool that has no queue is refused by name", async () => {
  const refused = openSession(lending(undefined), { ...request, pools: ["gpu", "none"] });
  await expect(refused).rejects.toMatchObject({
    code: "bad_request",
    message: expect.stringContaining("no pool none"),
  });
});
