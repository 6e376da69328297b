import { ARTIFACT_BYTES_MAX } from "../../shared/domain/limits.ts";
import { type AwsRequest, headerOf, queryOf, type Refusal } from "../aws-requests/refusal.ts";
import { isLargeUpload, RECORD_HEADER } from "./large-objects.ts";

/**
 * What S3 refuses, or the embedded server would silently get wrong, before a byte of the body is read. Better a 501
 * than an answer that S3 would not give.
 */

const KEY_BYTES_MAX = 1_024;
const BUFFERED_BYTES_MAX = 64 * 1_024 * 1_024;

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
  POST: ["uploads", "uploadId"],
  DELETE: ["lifecycle", "uploadId"],
};

/** `key` is decoded; empty for the bucket itself. */
export function refuseRequest(request: AwsRequest, key: string): Refusal | undefined {
  return refuseKey(key) ?? refuseSubResource(request) ?? refuseHeaders(request, key) ?? refuseBody(request, key);
}

/** S3 stores such keys; the embedded server's files do not survive them, and no key of Baton's needs them. */
function refuseKey(key: string): Refusal | undefined {
  if (key.split(/[/\\]/).some((part) => part === ".." || part === ".") || key.includes("\0"))
    return { status: 400, code: "InvalidArgument", message: "A key must not contain the path segments . or .." };
  if (Buffer.byteLength(key) > KEY_BYTES_MAX)
    return { status: 400, code: "KeyTooLongError", message: "Your key is too long" };
  return undefined;
}

function refuseSubResource(request: AwsRequest): Refusal | undefined {
  const allowed = SUB_RESOURCES[request.method] ?? [];
  const unknown = queryOf(request).find(
    ([name]) => name !== "x-id" && !name.toLowerCase().startsWith("x-amz-") && !allowed.includes(name),
  );
  return unknown === undefined ? undefined : notImplemented(`${request.method} ?${unknown[0]}`);
}

/** Conditions and bodies that the embedded server would ignore. */
function refuseHeaders(request: AwsRequest, key: string): Refusal | undefined {
  const { method } = request;
  const ifNoneMatch = headerOf(request, "if-none-match");
  if (method !== "GET" && method !== "HEAD" && headerOf(request, "if-match") !== undefined)
    return notImplemented(`${method} with If-Match`);
  if (ifNoneMatch !== undefined && (method === "POST" || (method === "PUT" && ifNoneMatch !== "*")))
    return notImplemented(`${method} with If-None-Match: ${ifNoneMatch}`);
  if (method === "POST" && (headerOf(request, "content-type") ?? "").startsWith("multipart/form-data"))
    return notImplemented("POST of a form");
  // A copy of a large object's record, or one that a client makes up, would stand for another object's file.
  if (headerOf(request, "x-amz-copy-source") !== undefined) return notImplemented("copies");
  if (headerOf(request, RECORD_HEADER) !== undefined) return notImplemented(`metadata named ${RECORD_HEADER}`);
  if (method === "PUT" && key !== "" && headerOf(request, "content-length") === undefined)
    return { status: 411, code: "MissingContentLength", message: "You must provide the Content-Length HTTP header." };
  return undefined;
}

/** A body that goes through memory is a small one: of parts, or in aws-chunked form. */
function refuseBody(request: AwsRequest, key: string): Refusal | undefined {
  const bytes = Number(headerOf(request, "content-length"));
  if (bytes > ARTIFACT_BYTES_MAX)
    return { status: 400, code: "EntityTooLarge", message: "Your proposed upload exceeds the maximum allowed size" };
  if (bytes > BUFFERED_BYTES_MAX && !isLargeUpload(request, key))
    return notImplemented(`parts and chunked bodies over ${BUFFERED_BYTES_MAX} bytes`);
  return undefined;
}

function notImplemented(what: string): Refusal {
  return { status: 501, code: "NotImplemented", message: `The embedded bucket does not do this: ${what}` };
}
