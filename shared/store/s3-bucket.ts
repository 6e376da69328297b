import type { Readable } from "node:stream";
import {
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { DOWNLOAD_URL_MS, UPLOAD_URL_MS } from "../domain/limits.ts";
import type { Bucket } from "./bucket.ts";

/** Headers that a PUT must carry exactly as they were signed. */
const SIGNED_HEADERS = ["host", "content-length", "if-none-match", "x-amz-checksum-sha256"];

/** Products in S3. Links name one key and one method, and live for minutes. */
export function makeS3Bucket(client: S3Client, Bucket: string): Bucket {
  return {
    async put(Key, body) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body: body, ContentType: "application/json" }));
    },
    async get(Key, bytesMax) {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key })).catch(undefinedIfMissing);
      if (answer === undefined) return undefined;
      if (answer.Body === undefined) throw new Error(`object ${Key} has no body`);
      // Its length is known before a byte of it is held.
      if ((answer.ContentLength ?? 0) <= bytesMax) return Buffer.from(await answer.Body.transformToByteArray());
      (answer.Body as Readable).destroy();
      return undefined;
    },
    async signPut({ key, bytes, sha256 }) {
      const checksum = sha256 === undefined ? undefined : Buffer.from(sha256, "hex").toString("base64");
      const headers = {
        "if-none-match": "*",
        ...(checksum === undefined ? {} : { "x-amz-checksum-sha256": checksum }),
      };
      const command = new PutObjectCommand({
        Bucket,
        Key: key,
        IfNoneMatch: "*",
        ...(bytes === undefined ? {} : { ContentLength: bytes }),
        ...(checksum === undefined ? {} : { ChecksumSHA256: checksum }),
      });
      const url = await getSignedUrl(client, command, {
        expiresIn: UPLOAD_URL_MS / 1_000,
        signableHeaders: new Set(SIGNED_HEADERS),
        unhoistableHeaders: new Set(["if-none-match", "x-amz-checksum-sha256"]),
      });
      return { method: "PUT", url, headers };
    },
    async signGet(Key) {
      const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), {
        expiresIn: DOWNLOAD_URL_MS / 1_000,
      });
      return { method: "GET", url, headers: {} };
    },
    async list(Prefix, afterKey, limit) {
      const start = afterKey === undefined ? {} : { StartAfter: afterKey };
      const answer = await client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys: limit, ...start }));
      return (answer.Contents ?? []).flatMap(({ Key, Size }) =>
        Key === undefined ? [] : [{ key: Key, bytes: Size ?? 0 }],
      );
    },
    async ping() {
      await client.send(new HeadBucketCommand({ Bucket }));
    },
  };
}

function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof NoSuchKey) return undefined;
  throw error;
}
