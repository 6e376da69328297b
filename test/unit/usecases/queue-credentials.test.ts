import { expect, test } from "vitest";
import {
  makeQueueCredentials,
  type QueueCredentials,
  queueArnOf,
  sessionPolicy,
} from "../../../shared/usecases/queue-credentials.ts";

const MINUTE_MS = 60_000;
const arnOf = (pool: string) => `arn:aws:sqs:eu-central-1:123456789012:baton-pool-${pool}`;

function lending() {
  const clock = { at: 0, nowMs: () => clock.at, monotonicMs: () => clock.at };
  const assumed: { policy: string; name: string }[] = [];
  let fails = false;
  const credentialsOf = makeQueueCredentials({
    clock,
    queueArn: arnOf,
    async assume(policy, name): Promise<QueueCredentials> {
      assumed.push({ policy, name });
      if (fails) throw new Error("STS does not answer");
      const credentials = { accessKeyId: `key ${assumed.length}`, secretAccessKey: "s", sessionToken: "t" };
      return { credentials, expiresAtMs: clock.at + 15 * MINUTE_MS };
    },
  });
  const ask = async (pools: string[], runnerId = "rnr_1", ephemeral = false) =>
    (await credentialsOf({ pools, runnerId, ephemeral })).credentials.accessKeyId;
  return { clock, assumed, ask, fail: (now: boolean) => (fails = now) };
}

test("a session's policy names its pools' queues and the three actions of a runner, and nothing else", () => {
  expect(JSON.parse(sessionPolicy([arnOf("gpu"), arnOf("default")]))).toEqual({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        Resource: [arnOf("default"), arnOf("gpu")],
      },
    ],
  });
});

test("pools whose names make a longer policy than STS takes are refused", () => {
  const pools = Array.from({ length: 16 }, (_, at) => `${at}`.padEnd(80, "x"));
  expect(() => sessionPolicy(pools.map(arnOf))).toThrow("open one with fewer");
});

test("a queue's ARN comes from its URL, with the role's partition", () => {
  const url = "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/baton-pool-default";
  expect(queueArnOf(url, "aws-cn", "cn-north-1")).toBe("arn:aws-cn:sqs:cn-north-1:123456789012:baton-pool-default");
  expect(() => queueArnOf("https://sqs.test/", "aws", "x")).toThrow("no queue's URL");
});

test("one call of STS serves all sessions of the same pools for five minutes, and no other pools", async () => {
  const { clock, assumed, ask } = lending();
  expect(await ask(["a", "b"], "rnr_1")).toBe("key 1");
  expect(await ask(["b", "a"], "rnr_2")).toBe("key 1");
  expect(await ask(["a"], "rnr_3")).toBe("key 2");
  clock.at = 5 * MINUTE_MS - 1;
  expect(await ask(["a", "b"])).toBe("key 1");
  clock.at = 5 * MINUTE_MS;
  expect(await ask(["a", "b"])).toBe("key 3");
  expect(assumed.map(({ name }) => name)).toEqual(["rnr_1", "rnr_3", "rnr_1"]);
});

test("sessions that ask at the same moment share one call", async () => {
  const { assumed, ask } = lending();
  await Promise.all(Array.from({ length: 20 }, () => ask(["a"])));
  expect(assumed).toHaveLength(1);
});

test("SECURITY 23: an ephemeral session gets credentials that it shares with nobody", async () => {
  const { ask } = lending();
  const keys = [await ask(["a"]), await ask(["a"], "rnr_2", true), await ask(["a"], "rnr_3", true), await ask(["a"])];
  expect(keys).toEqual(["key 1", "key 2", "key 3", "key 1"]);
});

test("a failure of STS is told, and not remembered", async () => {
  const { ask, fail } = lending();
  fail(true);
  await expect(ask(["a"])).rejects.toThrow("STS does not answer");
  fail(false);
  expect(await ask(["a"])).toBe("key 2");
});
