import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { LENT_KEY_ID, type ReadLent } from "../../functions/lent-queues.ts";
import type { Clock } from "../../shared/lib/clock.ts";
import { type AwsRequest, headerOf, type Refusal } from "../aws-requests/refusal.ts";
import { type Credentials, claimedKeyId, refuseSignature } from "../aws-requests/signature.ts";
import { awsRequest, type Reply, type Request, type Shim } from "../fastify-shim.ts";
import { ACCOUNT_ID, poolQueueName } from "../names.ts";

/** Makes the embedded queues refuse whom SQS refuses: the server itself checks no signature and no right. */

/** A batch of SQS has 1 MiB of messages, which JSON may escape. */
const BODY_BYTES_MAX = 4 * 1_024 * 1_024;
/** What a runner does with its pools' offers, as the runners' role on AWS (shared/usecases/queue-credentials.ts). */
const LENT_ACTIONS: ReadonlySet<string> = new Set(
  [
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
  ].map((action) => `AmazonSQS.${action}`),
);

/** `credentials` open every queue; what is lent, those of its pools until its time is over. */
export const queueAccess =
  (credentials: Credentials, readLent: ReadLent, clock: Clock): Shim =>
  (server) => {
    const lentPools = new WeakMap<Request, readonly string[]>();
    server.addHook("preParsing", async (request, reply, payload) => {
      if (!isQueueRequest(request)) return payload;
      const facts = awsRequest(request);
      // Nobody's body is read who does not even know a key's name.
      const who = whoClaims(facts, credentials, readLent, clock.nowMs());
      if ("code" in who) return refuse(reply, who);
      const body = await readWhole(payload);
      if (body === undefined) return refuse(reply, TOO_LARGE);
      const sha256 = createHash("sha256").update(body).digest("hex");
      const refusal = refuseSignature(facts, who.credentials, clock.nowMs(), sha256);
      if (refusal !== undefined) return refuse(reply, refusal);
      if (who.pools !== undefined) lentPools.set(request, who.pools);
      return Readable.from([body]);
    });
    server.addHook("preHandler", (request, reply, done) => {
      const pools = lentPools.get(request);
      if (pools === undefined || mayDo(request, pools)) done();
      else refuse(reply, { status: 403, code: "AccessDeniedException", message: "These credentials do not allow it." });
    });
  };

const isQueueRequest = ({ method, routeOptions }: Request): boolean => method === "POST" && routeOptions.url === "/";

const TOO_LARGE: Refusal = { status: 413, code: "RequestEntityTooLarge", message: "The request is too large." };
const UNKNOWN: Refusal = {
  status: 403,
  code: "InvalidClientTokenId",
  message: "The security token included in the request is invalid.",
};

async function readWhole(payload: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of payload) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

interface Claimed {
  readonly credentials: Credentials;
  /** Present on what is lent. */
  readonly pools?: readonly string[];
}

function whoClaims(request: AwsRequest, own: Credentials, readLent: ReadLent, nowMs: number): Claimed | Refusal {
  const token = headerOf(request, "x-amz-security-token");
  if (token === undefined) return claimedKeyId(request) === own.accessKeyId ? { credentials: own } : UNKNOWN;
  const lent = readLent(token);
  if (lent === undefined) return UNKNOWN;
  if (lent.expiresAtMs <= nowMs)
    return {
      status: 403,
      code: "ExpiredTokenException",
      message: "The security token included in the request is expired",
    };
  const { secretAccessKey, pools } = lent;
  return { credentials: { accessKeyId: LENT_KEY_ID, secretAccessKey }, pools };
}

/** The queue is named by its URL alone, and by no other form of it than ours. */
function mayDo({ headers, body }: Request, pools: readonly string[]): boolean {
  const url = typeof body === "object" && body !== null && "QueueUrl" in body ? body.QueueUrl : undefined;
  const name = new RegExp(`^http://[^/?#]+/${ACCOUNT_ID}/([\\w.-]+)$`).exec(String(url))?.[1];
  if (!LENT_ACTIONS.has(String(headers["x-amz-target"]))) return false;
  return name !== undefined && pools.some((pool) => poolQueueName(pool) === name);
}

/** As SQS's JSON protocol tells an error; the reply is sent, so that Fastify goes no further. */
function refuse(reply: Reply, { status, code, message }: Refusal): Reply {
  const body = JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message });
  return reply.status(status).header("content-type", "application/x-amz-json-1.0").send(body);
}
