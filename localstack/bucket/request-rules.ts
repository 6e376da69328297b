import { type BucketRequest, headerOf, queryOf, type Refusal } from "./refusal.ts";

/**
 * What S3 refuses, or the embedded server would silently get wrong, before a byte of the body is read. Better a 501
 * than an answer that S3 would not give.
 */

const KEY_BYTES_MAX = 1_024;
const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/** Query parameters that the embedded server obeys, by method. */
const SUB_RESOURCES: Readonly<Record<string, readonly string[]>> = {
  GET: [
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "continuation-token",
    "start-after",
    "encoding-type",
    "marker",
    "attributes",
    "lifecycle",
    "partNumber",
  ],
  HEAD: ["partNumber"],
  PUT: ["lifecycle", "uploadId", "partNumber"],
  POST: ["uploads", "uploadId", "delete"],
  DELETE: ["lifecycle", "uploadId"],
};

/** `key` is decoded; empty for the bucket itself. */
export function refuseRequest(request: BucketRequest, key: string): Refusal | undefined {
  return (
    refuseStranger(request) ??
    refuseKey(key) ??
    refuseKey(decodedCopySource(request)) ??
    refuseSubResource(request) ??
    refuseHeaders(request, key)
  );
}

/** A page of some web site must not reach the bucket through the browser: neither by form nor by DNS rebinding. */
function refuseStranger(request: BucketRequest): Refusal | undefined {
  const reads = request.method === "GET" || request.method === "HEAD";
  if (!reads && headerOf(request, "origin") !== undefined)
    return { status: 403, code: "AccessForbidden", message: "CORSResponse: This CORS request is not allowed." };
  if (!LOOPBACK.test(headerOf(request, "host") ?? ""))
    return { status: 403, code: "AccessDenied", message: "The embedded bucket answers on the loopback alone." };
  return undefined;
}

/** S3 stores such keys; the embedded server's files do not survive them, and no key of Baton's needs them. */
function refuseKey(key: string): Refusal | undefined {
  if (key.split(/[/\\]/).some((part) => part === ".." || part === ".") || key.includes("\0"))
    return { status: 400, code: "InvalidArgument", message: "A key must not contain the path segments . or .." };
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    return { status: 400, code: "KeyTooLongError", message: "Your key is too long" };
  return undefined;
}

function decodedCopySource(request: BucketRequest): string {
  const source = headerOf(request, "x-amz-copy-source");
  return source === undefined ? "" : decodeURIComponent(source);
}

function refuseSubResource(request: BucketRequest): Refusal | undefined {
  const allowed = SUB_RESOURCES[request.method] ?? [];
  const unknown = queryOf(request).find(
    ([name]) => name !== "x-id" && !name.toLowerCase().startsWith("x-amz-") && !allowed.includes(name),
  );
  return unknown === undefined ? undefined : notImplemented(`${request.method} ?${unknown[0]}`);
}

/** Conditions and bodies that the embedded server would ignore. */
function refuseHeaders(request: BucketRequest, key: string): Refusal | undefined {
  const { method } = request;
  const ifNoneMatch = headerOf(request, "if-none-match");
  if (method !== "GET" && method !== "HEAD" && headerOf(request, "if-match") !== undefined)
    return notImplemented(`${method} with If-Match`);
  if (ifNoneMatch !== undefined && (method === "POST" || (method === "PUT" && ifNoneMatch !== "*")))
    return notImplemented(`${method} with If-None-Match: ${ifNoneMatch}`);
  if (method === "POST" && (headerOf(request, "content-type") ?? "").startsWith("multipart/form-data"))
    return notImplemented("POST of a form");
  if (method === "PUT" && key !== "" && headerOf(request, "content-length") === undefined)
    return { status: 411, code: "MissingContentLength", message: "You must provide the Content-Length HTTP header." };
  return undefined;
}

function notImplemented(what: string): Refusal {
  return { status: 501, code: "NotImplemented", message: `The embedded bucket does not do this: ${what}` };
}
