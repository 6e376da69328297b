import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { Client } from "../../shared/protocol/client.ts";
import type { Gap, Piece } from "./log-loss.ts";

/** An attempt's log as anybody can download it. Not by the CLI's reader, which is part of what is attacked. */
export interface FoundLog {
  readonly gaps: readonly Gap[];
  readonly indexLost: boolean;
  /** In order, one chunk in memory at a time. */
  readonly pieces: AsyncIterable<Piece>;
}

interface Place {
  readonly run: string;
  readonly job: string;
  readonly fence: number;
}

export async function openLogOf(client: Client, place: Place): Promise<FoundLog> {
  const first = await pageOf(client, place, -1);
  return { gaps: first.gaps, indexLost: first.seal?.index.kind === "lost", pieces: pieces(client, place, first) };
}

type Page = Awaited<ReturnType<typeof pageOf>>;

const pageOf = (client: Client, { run, job, fence }: Place, after: number) =>
  client.call("getLog", { params: { run, job }, query: { after, fence } });

async function* pieces(client: Client, place: Place, first: Page): AsyncGenerator<Piece> {
  let position = 0;
  for (let page = first; ; page = await pageOf(client, place, page.lastSeq)) {
    for (const chunk of page.chunks) {
      const bytes = await download(chunk);
      // Of a log that was never sealed only the order is known.
      const offset = chunk.offset ?? position;
      position = offset + bytes.length;
      yield { offset, bytes };
    }
    if (!page.more) return;
  }
}

/** Unpacked; empty where the object is not what its entry says, so that its bytes count as lost. */
async function download(chunk: Page["chunks"][number]): Promise<Buffer> {
  const response = await fetch(chunk.url);
  if (!response.ok) return Buffer.alloc(0);
  const object = Buffer.from(await response.arrayBuffer());
  const digest = createHash("sha256").update(object).digest("hex");
  if (chunk.sha256 !== undefined && chunk.sha256 !== digest) return Buffer.alloc(0);
  return gunzipSync(object);
}
