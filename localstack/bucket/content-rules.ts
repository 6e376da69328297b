import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type AwsRequest, headerOf, queryOf, type Refusal } from "../aws-requests/refusal.ts";

/** Digests of a body that S3 verifies before it stores it. */

/** The digests that a request, or its link, names, over a body that comes piece by piece. */
export interface BodyDigests {
  update(chunk: Buffer): void;
  /** Undefined where the body is what was promised. */
  refusal(): Refusal | undefined;
}

export function digestsOf(request: AwsRequest): BodyDigests {
  const query = new Map(queryOf(request).map(([name, value]) => [name.toLowerCase(), value]));
  const running = DIGESTS.flatMap(({ header, code, start }) => {
    const expected = headerOf(request, header) ?? query.get(header);
    return expected === undefined || !isDigest(header, expected) ? [] : [{ header, code, expected, digest: start() }];
  });
  return {
    update(chunk) {
      for (const { digest } of running) digest.update(chunk);
    },
    refusal() {
      const wrong = running.find(({ expected, digest }) => expected !== digest.end());
      if (wrong === undefined) return undefined;
      const message = `The ${wrong.header} you specified did not match what we received.`;
      return { status: 400, code: wrong.code, message };
    },
  };
}

/** Undefined where the body is what its headers, or its link, say. */
export function refuseContent(request: AwsRequest, body: Buffer): Refusal | undefined {
  // A body in aws-chunked form is framed: its digests are of what is inside, and the SDK puts them after it.
  if ((headerOf(request, "content-encoding") ?? "").includes("aws-chunked")) return undefined;
  const digests = digestsOf(request);
  digests.update(body);
  return digests.refusal();
}

/** Checksums that a presigned link carries in its query: S3 reads them as headers, the embedded server does not. */
export function hoistedChecksums(request: AwsRequest): Readonly<Record<string, string>> {
  const hoisted = queryOf(request).filter(([name]) => name.toLowerCase().startsWith("x-amz-checksum-"));
  return Object.fromEntries(hoisted.map(([name, value]) => [name.toLowerCase(), value]));
}

interface Digest {
  update(chunk: Buffer): void;
  end(): string;
}

const hash = (algorithm: string, encoding: "base64" | "hex") => (): Digest => {
  const running = createHash(algorithm);
  return { update: (chunk) => void running.update(chunk), end: () => running.digest(encoding) };
};

const DIGESTS: readonly { header: string; code: string; start: () => Digest }[] = [
  { header: "x-amz-checksum-sha256", code: "BadDigest", start: hash("sha256", "base64") },
  { header: "x-amz-checksum-sha1", code: "BadDigest", start: hash("sha1", "base64") },
  { header: "x-amz-checksum-crc32", code: "BadDigest", start: crc32Digest },
  { header: "content-md5", code: "BadDigest", start: hash("md5", "base64") },
  { header: "x-amz-content-sha256", code: "XAmzContentSHA256Mismatch", start: hash("sha256", "hex") },
];

/** `x-amz-content-sha256` may also say that the payload is unsigned. */
function isDigest(header: string, value: string): boolean {
  return header !== "x-amz-content-sha256" || /^[0-9a-f]{64}$/.test(value);
}

function crc32Digest(): Digest {
  let sum = 0;
  return {
    update(chunk) {
      sum = crc32(chunk, sum);
    },
    end() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(sum);
      return bytes.toString("base64");
    },
  };
}
