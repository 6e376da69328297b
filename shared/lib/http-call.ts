import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";

/**
 * HTTP calls of short-lived programs, on Node's own client. Not `fetch`: it takes 22 ms to load and four times as long
 * for each call, which is much of what a small job costs.
 */

export interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Shorter than any server keeps idle connections, so that none is closed by the other side under a request. */
const IDLE_MS = 4_000;
const agents = {
  http: new HttpAgent({ keepAlive: true, timeout: IDLE_MS }),
  https: new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }),
};

/** Sends one request and reads the whole answer as text. Follows no redirect. Throws where no whole answer came. */
export async function exchangeOverHttp(call: HttpCall, signal: AbortSignal): Promise<{ status: number; text: string }> {
  const response = await openCall(call, signal);
  response.setEncoding("utf8");
  let text = "";
  for await (const part of response) text += part;
  return { status: response.statusCode ?? 0, text };
}

/** Sends one request; the answer's body must be read or destroyed. Throws where no answer came. */
export function openCall(call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(call.url);
  const isTls = url.protocol === "https:";
  return new Promise((resolve, reject) => {
    const options = {
      method: call.method,
      headers:
        call.body === undefined ? call.headers : { ...call.headers, "content-length": Buffer.byteLength(call.body) },
      signal,
    };
    const request = isTls
      ? httpsRequest(url, { ...options, agent: agents.https })
      : httpRequest(url, { ...options, agent: agents.http });
    request.on("error", (error) => reject(firstOf(error)));
    request.on("response", resolve);
    request.end(call.body);
  });
}

/** A name with several addresses fails with all their errors and no message of its own. */
function firstOf(error: Error): Error {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? first : error;
}
