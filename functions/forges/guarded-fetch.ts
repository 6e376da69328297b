import { type LookupAddress, lookup as resolve } from "node:dns";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { forgeUrlProblem, isOwnForge } from "../../shared/lib/forge-hosts.ts";
import { isLinkLocalAddress, isSpecialAddress } from "../../shared/lib/public-address.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";

/**
 * `fetch` for one thing only: calls to forges that an operator has named (SECURITY 33). The address is checked as it is
 * connected to, so that a name which resolves to something else the second time wins nothing; answers are bounded in
 * time and size.
 */

export interface GuardedFetchOptions {
  readonly hosts: readonly string[];
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
}

interface Init {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A repository that was renamed answers with one; a chain of them is a mistake. */
const REDIRECTS_MAX = 2;
/** Shorter than servers keep idle connections, so that none is closed under a request. */
const IDLE_MS = 4_000;
const NULL_BODY_STATUSES = [204, 205, 304];

/** Throws `ForgeError` where no whole answer came, or none may: an address, a name or a proxy can be mended. */
export function makeGuardedFetch(options: GuardedFetchOptions) {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, timeout: IDLE_MS }),
    "https:": new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }),
  };
  return async (address: string, init: Init): Promise<Response> => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    let url = new URL(address);
    for (let redirects = 0; ; redirects += 1) {
      const answer = await send(url, init, { ...options, agents, signal });
      const next = redirectOf(url, init, answer);
      if (next === undefined) return answer;
      if (redirects === REDIRECTS_MAX) throw new ForgeError(`${url.host} redirects without end`, { kind: "mendable" });
      url = next;
    }
  };
}

/** Followed only where the very same request goes to the very same server: the credentials go with it. */
function redirectOf(url: URL, { method = "GET" }: Init, answer: Response): URL | undefined {
  if (answer.status < 300 || answer.status >= 400 || answer.status === 304) return undefined;
  const location = answer.headers.get("location") ?? "";
  const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const sameRequest = [307, 308].includes(answer.status) || (method === "GET" && [301, 302].includes(answer.status));
  if (next?.origin === url.origin && sameRequest) return next;
  throw new ForgeError(`${url.host} redirects ${method} ${url.pathname} elsewhere: that is not followed`, {
    status: answer.status,
    kind: "mendable",
  });
}

interface Sending extends GuardedFetchOptions {
  readonly agents: { readonly "http:": HttpAgent; readonly "https:": HttpsAgent };
  readonly signal: AbortSignal;
}

async function send(url: URL, init: Init, sending: Sending): Promise<Response> {
  const problem = forgeUrlProblem(url, sending.hosts);
  if (problem !== undefined) throw new ForgeError(problem, { kind: "mendable" });
  const own = isOwnForge(url);
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(literal) !== 0) refuseAddress(url.host, literal, own);
  try {
    const message = await open(url, init, sending, guardedLookup(url.host, own));
    const body = await readBounded(url, message, sending.responseBytesMax);
    return toResponse(message, body);
  } catch (error) {
    throw toForgeError(url, sending, error);
  }
}

function open(url: URL, init: Init, sending: Sending, lookup: LookupFunction): Promise<IncomingMessage> {
  const { signal, agents } = sending;
  const options = { method: init.method ?? "GET", headers: headersOf(init), signal, lookup };
  return new Promise((done, failed) => {
    const request =
      url.protocol === "https:"
        ? httpsRequest(url, { ...options, agent: agents["https:"] })
        : httpRequest(url, { ...options, agent: agents["http:"] });
    request.on("error", failed);
    request.on("response", done);
    request.end(init.body);
  });
}

function headersOf({ headers = {}, body }: Init): Record<string, string | number> {
  return body === undefined ? { ...headers } : { ...headers, "content-length": Buffer.byteLength(body) };
}

/** Fails where any of a name's addresses may not be called, before there is a connection. */
function guardedLookup(host: string, own: boolean): LookupFunction {
  return (name, options, callback) => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) return callback(error ?? new Error(`${name} has no address`), "", 0);
      try {
        for (const { address } of addresses) refuseAddress(host, address, own);
      } catch (refused) {
        return callback(refused as Error, "", 0);
      }
      return answerLookup(options.all === true, addresses, first, callback);
    });
  };
}

function answerLookup(
  all: boolean,
  addresses: LookupAddress[],
  first: LookupAddress,
  callback: Parameters<LookupFunction>[2],
): void {
  if (all) callback(null, addresses);
  else callback(null, first.address, first.family);
}

function refuseAddress(host: string, address: string, own: boolean): void {
  if (isLinkLocalAddress(address) || (!own && isSpecialAddress(address)))
    throw new ForgeError(`${host} has the address ${address}, which is never called`, { kind: "mendable" });
}

async function readBounded(url: URL, message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of message) {
    const buffer = Buffer.from(part);
    bytes += buffer.length;
    if (bytes > bytesMax) {
      message.destroy();
      throw new ForgeError(`the answer of ${url.host} to ${url.pathname} is larger than ${bytesMax} bytes`, {
        status: 413,
        retry: false,
      });
    }
    parts.push(buffer);
  }
  return Buffer.concat(parts);
}

function toResponse(message: IncomingMessage, body: Buffer): Response {
  const status = message.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  return new Response(NULL_BODY_STATUSES.includes(status) ? null : body, { status, headers });
}

/** What goes wrong on the way may go right the next time. */
function toForgeError(url: URL, { timeoutMs, signal }: Sending, error: unknown): ForgeError {
  if (error instanceof ForgeError) return error;
  if (signal.aborted) return new ForgeError(`${url.host} did not answer within ${timeoutMs} ms`, { retry: true });
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return new ForgeError(`could not reach ${url.host}: ${code}`, { retry: true, cause: error });
}
