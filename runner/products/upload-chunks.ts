import { messageOf } from "../../shared/lib/message-of.ts";
import type { SignedRequest, UploadFile } from "../../shared/protocol/leases.ts";
import type { LogChunk } from "../../shared/protocol/products.ts";
import { UPLOAD_BATCH_MAX } from "./limits.ts";
import { askForLinks, type Put, sendObject } from "./send-object.ts";
import type { Spool } from "./spool.ts";

/** Takes a log's chunks to the bucket, strictly in order: a follower reads on from the last sequence number it saw. */
export interface ChunkUploader {
  add(chunk: LogChunk): void;
  /** Chunks that are not settled yet. */
  readonly waiting: number;
  /** Those that are in the bucket. */
  readonly stored: readonly LogChunk[];
  /** Resolves when every chunk is stored or lost; `signal` makes the rest lost. Never throws. */
  finish(signal: AbortSignal): Promise<void>;
  /** Stops at once; what is not stored is lost. */
  stop(): Promise<void>;
}

/** `first` is the link that came with the grant: the first chunk needs no other call. `lost` is told once for each lost chunk. */
export function makeChunkUploader(options: {
  readonly ask: (files: UploadFile[]) => Promise<readonly SignedRequest[]>;
  readonly first: SignedRequest;
  readonly put: Put;
  readonly spool: Spool;
  readonly lost: (chunk: LogChunk, why: string) => void;
}): ChunkUploader {
  const queue: LogChunk[] = [];
  const stored: LogChunk[] = [];
  const stopping = new AbortController();
  let working: Promise<void> | undefined;

  const settle = async (chunk: LogChunk, link: SignedRequest): Promise<void> => {
    const why = await deliver(chunk, link);
    if (why === undefined) stored.push(chunk);
    else options.lost(chunk, why);
    queue.shift();
    await options.spool.drop(chunk.seq);
  };

  /** Why the chunk is lost; undefined where it is stored. */
  const deliver = async (chunk: LogChunk, link: SignedRequest): Promise<string | undefined> => {
    let object: Buffer;
    try {
      object = await options.spool.read(chunk.seq);
    } catch (error) {
      return `cannot read the spool: ${messageOf(error)}`;
    }
    const sent = await sendObject({
      put: options.put,
      object,
      link,
      ask: async () => onlyOne(await options.ask([fileOf(chunk)])),
      signal: stopping.signal,
    });
    return sent.kind === "stored" ? undefined : sent.why;
  };

  const work = async (): Promise<void> => {
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      if (head.seq === 0) {
        await settle(head, options.first);
        continue;
      }
      const batch = queue.slice(0, UPLOAD_BATCH_MAX);
      const links = await askForLinks(() => options.ask(batch.map(fileOf)), stopping.signal);
      if ("why" in links) await loseAll(links.why);
      else for (const [at, chunk] of batch.entries()) await settle(chunk, linkAt(links, at));
    }
  };

  const loseAll = async (why: string): Promise<void> => {
    for (const chunk of queue.splice(0)) {
      options.lost(chunk, why);
      await options.spool.drop(chunk.seq);
    }
  };

  const start = (): void => {
    if (working !== undefined || queue.length === 0) return;
    working = work()
      .catch((error: unknown) => loseAll(messageOf(error)))
      .finally(() => {
        working = undefined;
        start();
      });
  };

  const settled = async (): Promise<void> => {
    while (working !== undefined) await working;
  };

  return {
    add(chunk) {
      queue.push(chunk);
      start();
    },
    get waiting() {
      return queue.length;
    },
    stored,
    async finish(signal) {
      const stop = () => stopping.abort();
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      await settled();
      signal.removeEventListener("abort", stop);
    },
    async stop() {
      stopping.abort();
      await settled();
    },
  };
}

function fileOf(chunk: LogChunk): UploadFile {
  return { kind: "log", seq: chunk.seq, bytes: chunk.gzipBytes, sha256: chunk.sha256 };
}

function linkAt(links: readonly SignedRequest[], at: number): SignedRequest {
  const link = links[at];
  if (link === undefined) throw new Error(`the control plane sent ${links.length} links; number ${at + 1} is missing`);
  return link;
}

function onlyOne(links: readonly SignedRequest[]): SignedRequest {
  return linkAt(links, 0);
}
