import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isSignedBy } from "../../functions/forges/github/verify-signature.ts";
import { WEBHOOK_BODY_BYTES_MAX } from "../../shared/domain/limits.ts";
import { dropOldWebhookSecret, rotateWebhookSecret } from "../../shared/usecases/webhook-secrets.ts";
import { MINUTE_MS, SECOND_MS } from "../support/times.ts";
import {
  addPushShop,
  deliveryOf,
  newDeliveryId,
  postOf,
  pushPayload,
  runsOf,
  type Shop,
  signatureOf,
  webhookFunction,
} from "../support/trigger-world.ts";
import { startWorld, type World } from "../support/world.ts";

/** Webhooks under attack, on the real table: what is refused leaves no trace. */

let world: World;
let post: ReturnType<typeof webhookFunction>;
const logged: unknown[] = [];
beforeEach(async () => {
  world = await startWorld();
  post = webhookFunction(world.deps, logged);
});
afterEach(async () => {
  await world.stop();
  expect(logged).toEqual([]);
});

describe("a delivery that is not ours", () => {
  const traces = async (shop: Shop, id: string) => ({
    delivery: await deliveryOf(world, shop, id),
    hints: world.sent.deliveries.length,
    runs: (await runsOf(world, shop)).length,
  });
  const NOTHING = { delivery: undefined, hints: 0, runs: 0 };

  test("SECURITY 17: is refused where the signature is wrong, missing, odd, or of another body, and leaves no trace", async () => {
    const shop = await addPushShop(world);
    const body = pushPayload(shop, "one");
    const good = signatureOf(body, shop.secret);
    const id = newDeliveryId();
    for (const signature of [
      undefined,
      "",
      "sha256=",
      good.slice(0, -2),
      `${good}00`,
      good.replace("256", "1"),
      signatureOf(body, "wrong"),
      signatureOf(`${body} `, shop.secret),
    ])
      expect((await post({ project: shop.project.name, body, signature, id })).status).toBe(401);
    expect(
      (await post({ project: shop.project.name, body: body.replace("main", "evil"), signature: good, id })).status,
    ).toBe(401);
    expect(await traces(shop, id)).toEqual(NOTHING);
  });

  test("SECURITY 17: an unknown project is answered exactly as a wrong signature", async () => {
    const shop = await addPushShop(world);
    const body = pushPayload(shop, "one");
    const wrong = await post({ project: shop.project.name, body, signature: signatureOf(body, "wrong") });
    for (const project of ["no-such-project", "..", "a/b", "__proto__", "x".repeat(500), "%2e"])
      expect(await post({ project, body, secret: shop.secret })).toEqual(wrong);
    await world.deps.projects.removeProject("main", shop.project.name, world.clock.nowMs);
    expect(await post({ project: shop.project.name, body, secret: shop.secret })).toEqual(wrong);
  });

  test("SECURITY 17: case A10: the same work is done for known and unknown projects", async () => {
    const shop = await addPushShop(world);
    const work: string[] = [];
    const isSigned: typeof isSignedBy = (secrets, body, header) => {
      work.push(`HMACs of ${body.length} bytes`);
      return isSignedBy(secrets, body, header);
    };
    const readAll = async (path: string) => {
      work.push("secrets");
      return world.deps.secrets.readAll(path);
    };
    const counted = webhookFunction({ ...world.deps, secrets: { ...world.deps.secrets, readAll } }, logged, isSigned);
    const workOf = async (project: string) => {
      work.length = 0;
      // Longer than secrets are remembered, then less, then at once.
      for (const pauseMs of [5 * MINUTE_MS, 2 * SECOND_MS, 0]) {
        world.clock.nowMs += pauseMs;
        expect((await counted({ project, body: "x".repeat(10_000), secret: "guess" })).status).toBe(401);
        work.push("answered");
      }
      return [...work];
    };
    const known = await workOf(shop.project.name);
    expect(known.filter((what) => what.startsWith("HMACs")).length).toBeGreaterThanOrEqual(3);
    for (const project of ["made-up", "..", "a/b"]) expect(await workOf(project)).toEqual(known);
  });

  test("SECURITY 17: nothing of a body is read before its signature holds", async () => {
    const shop = await addPushShop(world);
    for (const body of ["", "{", "null", "\u0000", '{"ref":1}']) {
      expect((await post({ project: shop.project.name, body, secret: "wrong" })).status).toBe(401);
      expect((await post({ project: shop.project.name, body, secret: shop.secret })).status).toBe(400);
    }
    const body = pushPayload(shop, "one");
    const signed = { project: shop.project.name, body, secret: shop.secret };
    for (const id of ["", "a#b", "x".repeat(65), "a/b"]) expect((await post({ ...signed, id })).status).toBe(400);
    for (const event of ["", "Push", "a b"]) expect((await post({ ...signed, event })).status).toBe(400);
    expect(world.sent.deliveries).toEqual([]);
  });

  test("SECURITY 17: a body over the limit is refused before anything is computed of it", async () => {
    const shop = await addPushShop(world);
    const body = Buffer.alloc(WEBHOOK_BODY_BYTES_MAX + 1, " ");
    expect((await post({ project: shop.project.name, body, secret: shop.secret })).status).toBe(413);
  });
});

describe("a webhook's secret", () => {
  test("SECURITY 17: is rotated without a gap: two hold at once, then one", async () => {
    const shop = await addPushShop(world);
    const { name } = shop.project;
    const status = async (secret: string) => {
      world.clock.nowMs += 2 * SECOND_MS;
      return (await post(postOf(shop, "one", { secret }))).status;
    };
    expect(await status(shop.secret)).toBe(202);
    const deps = { ...world.deps, random: { ...world.deps.random, secret: () => "second" } };
    expect(await rotateWebhookSecret(deps, shop.project)).toBe("second");
    expect([await status("second"), await status(shop.secret)]).toEqual([202, 202]);
    await rotateWebhookSecret({ ...deps, random: { ...deps.random, secret: () => "third" } }, shop.project);
    world.clock.nowMs += 2 * MINUTE_MS;
    expect([await status("third"), await status("second"), await status(shop.secret)]).toEqual([202, 202, 401]);
    await dropOldWebhookSecret(deps, name);
    world.clock.nowMs += 2 * MINUTE_MS;
    expect([await status("third"), await status("second")]).toEqual([202, 401]);
  });

  test("SECURITY 17: of two rotations at once both secrets hold that were shown", async () => {
    const shop = await addPushShop(world);
    const rotate = (secret: string) =>
      rotateWebhookSecret({ ...world.deps, random: { ...world.deps.random, secret: () => secret } }, shop.project);
    const shown = await Promise.all(["one", "another"].map(rotate));
    for (const secret of shown) expect((await post(postOf(shop, "one", { secret }))).status).toBe(202);
  });

  test("is looked up at most once a second, whatever strangers send", async () => {
    const shop = await addPushShop(world);
    let reads = 0;
    const readAll = async (path: string) => {
      reads += 1;
      return world.deps.secrets.readAll(path);
    };
    const secrets = { ...world.deps.secrets, readAll };
    const counted = webhookFunction({ ...world.deps, secrets });
    for (let nth = 0; nth < 50; nth += 1) await counted({ project: shop.project.name, body: "{}", secret: "guess" });
    expect(reads).toBe(1);
    // Those of projects that are not there, which anybody can think of without end, are one together.
    for (let nth = 0; nth < 50; nth += 1) await counted({ project: `made-up-${nth}`, body: "{}", secret: "guess" });
    expect(reads).toBe(2);
  });
});
