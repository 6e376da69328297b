import { deepEqual, equal, match } from "node:assert/strict";
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Scenario } from "./stage.ts";

/** What holds only where credentials are checked: of a deployment, and not of the embedded stack. */

const queueCredentials: Scenario = {
  title: "a session's queue credentials receive from its own pool's queue, and do nothing else",
  async play({ client }) {
    const session = await client.call("openSession", { body: { name: "probe", pools: ["default"], slots: 1 } });
    const [pool] = session.pools;
    if (session.sqs === undefined) throw new Error("the session names no way to its queue");
    const { region, endpoint, credentials } = session.sqs;
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    match(sessionToken ?? "", /./, "the credentials are a session's own");
    const sqs = new SQSClient({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    });
    const own = pool?.queueUrl ?? "";
    const ticks = own.replace(/pool-default$/, "ticks");
    const tries = {
      receive: () => sqs.send(new ReceiveMessageCommand({ QueueUrl: own })),
      send: () => sqs.send(new SendMessageCommand({ QueueUrl: own, MessageBody: "{}" })),
      "receive ticks": () => sqs.send(new ReceiveMessageCommand({ QueueUrl: ticks })),
      "send ticks": () => sqs.send(new SendMessageCommand({ QueueUrl: ticks, MessageBody: "{}" })),
    };
    const answers: Record<string, string> = {};
    for (const [name, attempt] of Object.entries(tries))
      answers[name] = await attempt().then(
        () => "allowed",
        (error: unknown) => (error instanceof Error ? error.name.replace(/Exception$/, "") : String(error)),
      );
    sqs.destroy();
    equal(ticks === own, false);
    deepEqual(answers, {
      receive: "allowed",
      send: "AccessDenied",
      "receive ticks": "AccessDenied",
      "send ticks": "AccessDenied",
    });
  },
};

export const DEPLOYED_SCENARIOS: readonly Scenario[] = [queueCredentials];
