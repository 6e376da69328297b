import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  type ReadStream,
  readdirSync,
  renameSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isDiskFull } from "../../shared/lib/disk-full.ts";
import { removeFileNow, removeTreeNow } from "../../shared/lib/remove-tree.ts";
import { type AwsRequest, headerOf, queryOf, type Refusal } from "../aws-requests/refusal.ts";
import { type BodyDigests, digestsOf } from "./content-rules.ts";

/**
 * Objects that the embedded server could not hold: it keeps each whole, in memory and in one value of SQLite. Those from
 * `LARGE_FROM_BYTES` on go straight to a file, and the server keeps a record in their place: a short object of that key,
 * whose metadata names the file and its length. So conditions, listings and restarts stay the server's.
 */

/** What the server may hold whole: every log chunk, and no artifact that matters. */
const LARGE_FROM_BYTES = 8 * 1_024 * 1_024;
/** The header of a record. A client that sends it is refused: it would choose a file. */
export const RECORD_HEADER = "x-amz-meta-baton-large-object";
const RECORD = Buffer.from("This object is kept as a file of its own.\n");
const PART = ".part";
const WRITE_BYTES = 1_024 * 1_024;

export interface LargeObject {
  readonly file: string;
  readonly bytes: number;
}

export interface Staged {
  /** What the server stores in place of the body. */
  readonly record: Readable;
  /** The value of `RECORD_HEADER`. */
  readonly mark: string;
}

export interface LargeObjects {
  /**
   * Writes the body to a file of its own and verifies its digests on the way. Throws where the client goes away; what S3
   * would refuse is returned.
   */
  stage(request: AwsRequest, body: Readable): Promise<Staged | Refusal>;
  /** What a record stands for; undefined where the file is gone. */
  find(mark: string): LargeObject | undefined;
  read(object: LargeObject): ReadStream;
  /** Of a record that is overwritten, deleted or was never stored. */
  drop(mark: string): void;
}

/** Whether a request brings a large object. Bodies in aws-chunked form are framed, and parts are the server's affair. */
export function isLargeUpload(request: AwsRequest, key: string): boolean {
  if (request.method !== "PUT" || key === "" || isFramed(request)) return false;
  if (queryOf(request).some(([name]) => name === "uploadId")) return false;
  return Number(headerOf(request, "content-length")) >= LARGE_FROM_BYTES;
}

const isFramed = (request: AwsRequest): boolean =>
  (headerOf(request, "content-encoding") ?? "").includes("aws-chunked");

/** `fresh`: nothing that lies in the folder is of use any more. */
export function makeLargeObjects(folder: string, fresh: boolean): LargeObjects {
  if (fresh) removeTreeNow(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Of uploads that a crash cut off.
  for (const name of readdirSync(folder)) if (name.endsWith(PART)) removeFileNow(join(folder, name));
  const fileOf = (mark: string): string => join(folder, mark);

  return {
    async stage(request, body) {
      const mark = randomUUID();
      const part = `${fileOf(mark)}${PART}`;
      const digests = digestsOf(request);
      const file = createWriteStream(part, { mode: 0o600, highWaterMark: WRITE_BYTES });
      try {
        await pipeline(body, feeding(digests), file);
      } catch (error) {
        // A client that goes away at once ends the pipeline before the file is there.
        if (!file.closed) await once(file, "close");
        removeFileNow(part);
        if (isDiskFull(error)) return DISK_FULL;
        throw error;
      }
      const refusal = digests.refusal();
      if (refusal !== undefined) {
        removeFileNow(part);
        return refusal;
      }
      renameSync(part, fileOf(mark));
      // Fastify compares it with the content-length that the client sent.
      const receivedEncodedLength = Number(headerOf(request, "content-length"));
      return { mark, record: Object.assign(Readable.from([RECORD]), { receivedEncodedLength }) };
    },
    find(mark) {
      const seen = statSync(fileOf(mark), { throwIfNoEntry: false });
      return seen === undefined ? undefined : { file: fileOf(mark), bytes: seen.size };
    },
    read: ({ file }) => createReadStream(file, { highWaterMark: WRITE_BYTES }),
    drop: (mark) => removeFileNow(fileOf(mark)),
  };
}

const DISK_FULL: Refusal = {
  status: 507,
  code: "DiskFull",
  message: "The disk that holds the state folder is full.",
};

function feeding(digests: BodyDigests): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      digests.update(chunk);
      done(null, chunk);
    },
  });
}
