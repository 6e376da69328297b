import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { openCall } from "./http-call.ts";
import { removeFile } from "./remove-tree.ts";
import { backoffMs } from "./retry.ts";

/** Presigned transfers between a runner, or the CLI, and the bucket. No SDK and no credentials: a link is all it takes. */

const OK = 200;
const RETRY = { triesMax: 5, baseMs: 100, capMs: 3_000 } as const;
/** A transfer may take this long, and then one second more for each so many bytes. */
const TRANSFER_MS = 30_000;
const BYTES_PER_SECOND_MIN = 256 * 1_024;

/** What `signedRequestSchema` of the protocol says. Exactly these headers are sent. */
export interface SignedRequest {
  readonly method: "PUT" | "GET";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The bucket did not do it. `status` is its answer, absent where none came or where what came is not what was promised. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** Sends one body once and returns the status. Throws TransferError where no answer came: it may have landed all the same. */
export async function put(request: SignedRequest, body: Buffer, signal?: AbortSignal): Promise<number> {
  return send(request, body.length, signal, (call) => call.end(body));
}

/**
 * Uploads a file of `bytes` bytes, with bounded retries. A 412 (it is there already) after a try whose answer was lost
 * means that our own try had landed: the key belongs to this attempt alone. Throws TransferError; status 403 may mean
 * that the link has expired: ask for another.
 */
export async function uploadFile(
  request: SignedRequest,
  file: string,
  bytes: number,
  signal?: AbortSignal,
): Promise<void> {
  const { size } = await stat(file);
  if (size !== bytes) throw new TransferError(`${file} has ${size} bytes and not ${bytes}`);
  let mayBeThere = false;
  await withRetries(signal, async () => {
    const status = await sendFile(request, file, bytes, signal).catch((error: unknown) => {
      mayBeThere = true;
      throw error;
    });
    if (status < 300 || (status === 412 && mayBeThere)) return;
    if (status >= 500) mayBeThere = true;
    throw new TransferError(`the bucket answered ${status} to an upload of ${bytes} bytes`, status);
  });
}

/**
 * Downloads into `file`, which appears only when its length and its digest are as promised (SECURITY 32). Bounded
 * retries. Throws TransferError.
 */
export async function downloadTo(
  request: SignedRequest,
  file: string,
  expected: { readonly bytes: number; readonly sha256: string },
  signal?: AbortSignal,
): Promise<void> {
  const part = `${file}.part`;
  try {
    await withRetries(signal, () => downloadOnce(request, part, expected, signal));
    await rename(part, file);
  } finally {
    await removeFile(part);
  }
}

async function downloadOnce(
  request: SignedRequest,
  file: string,
  expected: { readonly bytes: number; readonly sha256: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const response = await get(request, expected.bytes, signal);
  const status = response.statusCode ?? 0;
  if (status !== OK) {
    response.destroy();
    throw new TransferError(`the bucket answered ${status} to a download`, status);
  }
  const hash = createHash("sha256");
  let bytes = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(
        bytes > expected.bytes ? new TransferError(`more than the promised ${expected.bytes} bytes came`) : null,
        chunk,
      );
    },
  });
  try {
    await pipeline(response, check, createWriteStream(file, { flags: "w", mode: 0o600 }));
  } catch (cause) {
    throw cause instanceof TransferError
      ? cause
      : new TransferError(`the download broke off: ${reasonOf(cause)}`, undefined, { cause });
  }
  const sha256 = hash.digest("hex");
  if (bytes !== expected.bytes || sha256 !== expected.sha256)
    throw new TransferError(`what came is not what was promised: ${bytes} bytes with SHA-256 ${sha256}`);
}

/** Not `fetch`: it copies every body, and 500 MB of log would become 500 MB of garbage. */
function send(
  request: SignedRequest,
  bytes: number,
  signal: AbortSignal | undefined,
  write: (call: ClientRequest) => void,
): Promise<number> {
  const url = new URL(request.url);
  const begin = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new TransferError(`no answer from the bucket: ${reasonOf(cause)}`, undefined, { cause }));
    const call = begin(url, {
      method: request.method,
      headers: { ...request.headers, "content-length": bytes },
      signal: deadline(bytes, signal),
    });
    call.on("error", fail);
    call.on("response", (response) => {
      response.on("error", fail);
      response.on("end", () => resolve(response.statusCode ?? 0));
      response.resume();
    });
    write(call);
  });
}

function sendFile(
  request: SignedRequest,
  file: string,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  return send(request, bytes, signal, (call) => {
    const content = createReadStream(file, { highWaterMark: 256 * 1_024 });
    // Errors of either side end the other; the call's own reach send().
    pipeline(content, call).catch((error: Error) => call.destroy(error));
  });
}

async function get(request: SignedRequest, bytes: number, signal: AbortSignal | undefined): Promise<IncomingMessage> {
  try {
    return await openCall(request, deadline(bytes, signal));
  } catch (cause) {
    throw new TransferError(`no answer from the bucket: ${reasonOf(cause)}`, undefined, { cause });
  }
}

function deadline(bytes: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(TRANSFER_MS + Math.ceil(bytes / BYTES_PER_SECOND_MIN) * 1_000);
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
}

async function withRetries(signal: AbortSignal | undefined, call: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= RETRY.triesMax || !mayPass(error)) throw error;
      await wait(backoffMs(RETRY, attempt), undefined, signal === undefined ? {} : { signal });
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof TransferError && (error.status === undefined || isPassing(error.status));
}

/** Whether the same request may succeed later. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message;
}
