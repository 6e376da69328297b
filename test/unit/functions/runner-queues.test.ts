import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { LENT_KEY_ID, lendQueues, lentReader } from "../../../functions/lent-queues.ts";
import { poolOffers, runnerSqs } from "../../../functions/runner-sqs.ts";
import { readFirstSigningKey, readSigningKeys } from "../../../functions/signing-keys.ts";
import { makeSigner } from "../../../shared/lib/signed-token.ts";

const KEY = Buffer.alloc(32, 1);
const access = { pools: ["gpu"], runnerId: "rnr_1", ephemeral: false };
const clock = { nowMs: () => 1_000, monotonicMs: () => 1_000 };
const noMeter = () => undefined;
const places = {
  AWS_REGION: "eu-central-1",
  BATON_API_POLLING: "off" as const,
  BATON_POOLS: ["gpu"],
  BATON_POOL_QUEUE_URL_PREFIX: "http://127.0.0.1:9/pool-",
};
const ENDPOINT = "http://127.0.0.1:9";

describe("what the embedded stack lends", () => {
  test("opens the session's pools for a quarter of an hour, and its secret follows from its token", async () => {
    const lent = await lendQueues(KEY, clock)(access);
    expect(lent.expiresAtMs).toBe(1_000 + 15 * 60_000);
    expect(lent.credentials.accessKeyId).toBe(LENT_KEY_ID);
    const token = lent.credentials.sessionToken ?? "";
    const found = lentReader(KEY)(token);
    expect(found).toEqual({
      pools: ["gpu"],
      runnerId: "rnr_1",
      expiresAtMs: lent.expiresAtMs,
      secretAccessKey: lent.credentials.secretAccessKey,
    });
    // HMAC-SHA256 in base64url: another, shorter one would be guessed sooner.
    expect(lent.credentials.secretAccessKey).toHaveLength(43);
    const other = await lendQueues(KEY, clock)({ ...access, runnerId: "rnr_2" });
    expect(other.credentials.secretAccessKey).not.toBe(lent.credentials.secretAccessKey);
  });

  test("is nothing that another key, or another kind of token, says", async () => {
    const read = lentReader(KEY);
    const stranger = await lendQueues(Buffer.alloc(32, 2), clock)(access);
    const session = makeSigner([KEY]).sign("bs", { pools: ["gpu"], runnerId: "rnr_1", expiresAtMs: 1 });
    const odd = makeSigner([KEY]).sign("lent", { pools: "gpu" });
    for (const token of [stranger.credentials.sessionToken ?? "", session, odd, ""])
      expect(read(token)).toBeUndefined();
  });
});

describe("how runners reach the queues", () => {
  test("is by what is lent, where the signing key is a file", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "baton-keys-"));
    const file = path.join(folder, "key");
    writeFileSync(file, `${KEY.toString("base64url")}\n`);
    const found = runnerSqs({ ...places, BATON_RUNNER_SQS_ENDPOINT: ENDPOINT, BATON_SIGNING_KEY_FILE: file }, noMeter);
    expect([found.region, found.endpoint]).toEqual(["eu-central-1", ENDPOINT]);
    const { credentials } = await found.credentialsFor(access);
    expect(lentReader(KEY)(credentials.sessionToken ?? "")?.pools).toEqual(["gpu"]);
    rmSync(folder, { recursive: true });
  });

  test("is by no secret, where somebody else's queue server checks none", async () => {
    const found = runnerSqs({ ...places, BATON_RUNNER_SQS_ENDPOINT: ENDPOINT }, noMeter);
    expect(found).toMatchObject({ region: "eu-central-1", endpoint: ENDPOINT });
    expect(await found.credentialsFor(access)).toEqual({
      credentials: { accessKeyId: "embedded", secretAccessKey: "embedded" },
    });
  });

  test("is refused on AWS without a role, with or without a key's file", async () => {
    for (const more of [{}, { BATON_SIGNING_KEY_FILE: "/nowhere" }]) {
      const found = runnerSqs({ ...places, ...more }, noMeter);
      expect("endpoint" in found).toBe(false);
      await expect(found.credentialsFor(access)).rejects.toMatchObject({
        code: "forbidden",
        message: expect.stringContaining("BATON_RUNNER_ROLE_ARN"),
      });
    }
  });

  test("is not by the API where that is off", () => {
    expect(poolOffers(places, noMeter)).toBeUndefined();
    expect(poolOffers({ ...places, BATON_API_POLLING: "on" }, noMeter)).toBeDefined();
  });
});

test("without a place, or in an empty file, there is no signing key", async () => {
  await expect(readSigningKeys({})).rejects.toThrow("neither a file nor a parameter of the signing key is named");
  const folder = mkdtempSync(path.join(tmpdir(), "baton-keys-"));
  const file = path.join(folder, "key");
  writeFileSync(file, "\n \n");
  await expect(readFirstSigningKey({ BATON_SIGNING_KEY_FILE: file })).rejects.toThrow("there is no signing key");
  rmSync(folder, { recursive: true });
});
