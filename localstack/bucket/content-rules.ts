import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type AwsRequest, headerOf, queryOf, type Refusal } from "../aws-requests/refusal.ts";

/** Digests of a body that S3 verifies before it stores it. */

/** Undefined where the body is what its headers, or its link, say. */
export function refuseContent(request: AwsRequest, body: Buffer): Refusal | undefined {
  // A body in aws-chunked form is framed: its digests are of what is inside, and the SDK puts them after it.
  if ((headerOf(request, "content-encoding") ?? "").includes("aws-chunked")) return undefined;
  const query = new Map(queryOf(request).map(([name, value]) => [name.toLowerCase(), value]));
  for (const { header, code, digest } of DIGESTS) {
    const expected = headerOf(request, header) ?? query.get(header);
    if (expected === undefined || !isDigest(header, expected)) continue;
    if (expected !== digest(body))
      return { status: 400, code, message: `The ${header} you specified did not match what we received.` };
  }
  return undefined;
}

/** Checksums that a presigned link carries in its query: S3 reads them as headers, the embedded server does not. */
export function hoistedChecksums(request: AwsRequest): Readonly<Record<string, string>> {
  const hoisted = queryOf(request).filter(([name]) => name.toLowerCase().startsWith("x-amz-checksum-"));
  return Object.fromEntries(hoisted.map(([name, value]) => [name.toLowerCase(), value]));
}

const hash = (algorithm: string, encoding: "base64" | "hex") => (body: Buffer) =>
  createHash(algorithm).update(body).digest(encoding);

const DIGESTS: readonly { header: string; code: string; digest: (body: Buffer) => string }[] = [
  { header: "x-amz-checksum-sha256", code: "BadDigest", digest: hash("sha256", "base64") },
  { header: "x-amz-checksum-sha1", code: "BadDigest", digest: hash("sha1", "base64") },
  { header: "x-amz-checksum-crc32", code: "BadDigest", digest: crc32Base64 },
  { header: "content-md5", code: "BadDigest", digest: hash("md5", "base64") },
  { header: "x-amz-content-sha256", code: "XAmzContentSHA256Mismatch", digest: hash("sha256", "hex") },
];

/** `x-amz-content-sha256` may also say that the payload is unsigned. */
function isDigest(header: string, value: string): boolean {
  return header !== "x-amz-content-sha256" || /^[0-9a-f]{64}$/.test(value);
}

function crc32Base64(body: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString("base64");
}
