import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { RunJobs } from "../../../shared/protocol/list-all-jobs.ts";
import type { LogPage } from "../../../shared/protocol/runs.ts";

/** A control plane and bucket over a real socket, whose answers a test sets and changes. */
export interface FollowServer {
  readonly url: string;
  /** What `listJobs` answers, asked anew each time; a number is an HTTP status. */
  seen: () => RunJobs | number;
  /** What `getLog` answers for an attempt. */
  readonly logs: Map<string, (after: number) => LogPage>;
  /** Objects of the bucket, by path; absent ones are 404. */
  readonly objects: Map<string, Buffer>;
  close(): Promise<void>;
}

export async function startFollowServer(): Promise<FollowServer> {
  const logs: FollowServer["logs"] = new Map();
  const objects: FollowServer["objects"] = new Map();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
    const reply = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body));
    const object = objects.get(pathname);
    if (object !== undefined) return response.writeHead(200).end(object);
    if (pathname.endsWith("/jobs")) {
      const seen = self.seen();
      return typeof seen === "number"
        ? reply(seen, { code: "throttled", message: "slow down", requestId: "r" })
        : reply(200, seen);
    }
    const job = /jobs\/([^/]+)\/log$/.exec(pathname)?.[1];
    const log = logs.get(`${job}/${searchParams.get("fence")}`);
    if (log !== undefined) return reply(200, log(Number(searchParams.get("after"))));
    return reply(404, { code: "not_found", message: "not found", requestId: "r" });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const self: FollowServer = {
    url,
    seen: () => 404,
    logs,
    objects,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return self;
}

/** Puts a log of these texts in the bucket, one chunk each, and answers pages of it. */
export function putLog(
  server: FollowServer,
  attempt: string,
  texts: readonly string[],
  options: { sealed: boolean; pageSize?: number } = { sealed: true },
): LogPage["chunks"] {
  const chunks = chunksOf(server, attempt, texts, options.sealed);
  server.logs.set(attempt, (after) => pageOf(attempt, chunks, after, options));
  return chunks;
}

function chunksOf(server: FollowServer, attempt: string, texts: readonly string[], sealed: boolean): LogPage["chunks"] {
  let offset = 0;
  return texts.map((text, seq) => {
    const path = `/bucket/${attempt}/${seq}`;
    const gzip = gzipSync(text);
    server.objects.set(path, gzip);
    const bytes = Buffer.byteLength(text);
    const entry = { seq, gzipBytes: gzip.length, url: server.url + path };
    const known = { offset, bytes, sha256: createHash("sha256").update(gzip).digest("hex") };
    offset += bytes;
    return sealed ? { ...entry, ...known } : entry;
  });
}

export function pageOf(
  attempt: string,
  chunks: LogPage["chunks"],
  after: number,
  options: { sealed: boolean; pageSize?: number; gaps?: LogPage["gaps"]; bytes?: number },
): LogPage {
  const rest = chunks.filter((chunk) => chunk.seq > after);
  const shown = rest.slice(0, options.pageSize ?? 100);
  const bytes = options.bytes ?? chunks.reduce((sum, chunk) => sum + (chunk.bytes ?? 0), 0);
  const seal = {
    bytes,
    lostBytes: 0,
    chunkCount: chunks.length,
    index: { kind: "inline" as const, chunks: [], gaps: [] },
  };
  return {
    fence: Number(attempt.split("/")[1]),
    sealed: options.sealed,
    lastSeq: shown.at(-1)?.seq ?? after,
    more: rest.length > shown.length,
    chunks: shown,
    gaps: options.gaps ?? [],
    ...(options.sealed ? { seal } : {}),
  };
}
