import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { SignedRequest } from "../../shared/protocol/leases.ts";

/** What the bucket does with one PUT. `lost`: it keeps the object and breaks the connection instead of answering. */
export type PutFate = "keep" | "lost" | "hang" | number;

export interface HttpBucket {
  readonly objects: Map<string, Buffer>;
  /** Keys in the order of the PUTs that arrived, refused ones too. */
  readonly puts: string[];
  readonly headers: Map<string, Record<string, string | string[] | undefined>>;
  link(method: "PUT" | "GET", key: string, headers?: Record<string, string>): SignedRequest;
  close(): Promise<void>;
}

/** A bucket over a real socket that honours If-None-Match and x-amz-checksum-sha256, and fails on request. */
export async function startHttpBucket(
  fate: (key: string, attempt: number) => PutFate = () => "keep",
): Promise<HttpBucket> {
  const objects = new Map<string, Buffer>();
  const puts: string[] = [];
  const headers: HttpBucket["headers"] = new Map();
  const server = createServer((request, response) => {
    const key = (request.url ?? "/").slice(1);
    const parts: Buffer[] = [];
    request.on("data", (chunk: Buffer) => parts.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      if (request.method === "GET") {
        const object = objects.get(key);
        response.writeHead(object === undefined ? 404 : 200).end(object);
        return;
      }
      puts.push(key);
      headers.set(key, request.headers);
      const todo = fate(key, puts.filter((put) => put === key).length);
      if (todo === "hang") return;
      if (typeof todo === "number") {
        response.writeHead(todo).end();
        return;
      }
      const sum = request.headers["x-amz-checksum-sha256"];
      if (sum !== undefined && sum !== createHash("sha256").update(body).digest("base64")) {
        response.writeHead(400).end();
      } else if (request.headers["if-none-match"] === "*" && objects.has(key)) {
        response.writeHead(412).end();
      } else {
        objects.set(key, body);
        if (todo === "lost") request.socket.destroy();
        else response.writeHead(200).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    objects,
    puts,
    headers,
    link: (method, key, extra = {}) => ({ method, url: `http://127.0.0.1:${port}/${key}`, headers: extra }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
