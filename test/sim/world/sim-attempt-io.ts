import type { AttemptIo } from "../../../runner/attempt-io.ts";
import { InputError } from "../../../runner/input-error.ts";
import { openLog } from "../../../runner/products/log.ts";
import { sendObject } from "../../../runner/products/send-object.ts";
import type { Spool } from "../../../runner/products/spool.ts";
import { ToolingError } from "../../../runner/tooling-error.ts";
import { retry } from "../../../shared/lib/retry.ts";
import { TransferError } from "../../../shared/lib/transfer.ts";
import type { Artifact } from "../../../shared/protocol/products.ts";
import type { SimBucket } from "./sim-bucket.ts";
import { digestOf } from "./sim-bucket.ts";
import type { Line } from "./sim-network.ts";

/** Disk and bucket of one host: the log is the real one, but for gzip and the spool's files. */
export interface AttemptIoDeps {
  readonly line: Line;
  readonly bucket: SimBucket;
  readonly writeScript: AttemptIo["writeScript"];
  /** All that is written to the log of the attempt whose spool folder this is. */
  readonly logged: (spool: string, bytes: Buffer) => void;
}

/** The branch of a source that no runner finds. */
export const GONE = "gone";
/** As shared/lib/transfer.ts does. */
const DOWNLOAD = { triesMax: 5, baseMs: 100, capMs: 3_000 };
const HOUR_MS = 3_600_000;

export function simAttemptIo({ line, bucket, writeScript, logged }: AttemptIoDeps): AttemptIo {
  const put: AttemptIo["put"] = async (request, body, signal = AbortSignal.timeout(HOUR_MS)) => {
    try {
      return (await bucket.transfer(line, request, body, signal)).status;
    } catch (cause) {
      throw new TransferError("no answer from the bucket", undefined, { cause });
    }
  };
  return {
    put,
    stepFolder: async () => "",
    mendFolders: async () => undefined,
    memoryKills: () => ({ own: undefined, host: undefined }),
    freeRoom: async () => ({ bytes: 0, files: 0 }),
    hasFilledDisk: async () => false,
    writeScript,
    openLog(options) {
      const log = openLog({ ...options, compress: async (raw) => Buffer.from(raw), spool: memorySpool() });
      return {
        ...log,
        write(bytes) {
          logged(options.dir, Buffer.from(bytes));
          return log.write(bytes);
        },
        get bytes() {
          return log.bytes;
        },
      };
    },
    async checkout({ source, report }) {
      if (source.branch === GONE) throw new ToolingError("there is no such commit");
      report(`source ${source.sha.slice(-4)}`);
    },
    async fetchInputs({ ask, journal, signal }) {
      for (const { jobId, artifact, download } of await ask()) {
        await retry(
          DOWNLOAD,
          () => !signal.aborted,
          async () => {
            const answer = await bucket.transfer(line, download, undefined, signal);
            if (answer.status === 200 && digestOf(answer.body) === artifact.sha256) return;
            throw new TransferError(`the bucket answered ${answer.status} to a download`, answer.status);
          },
        ).catch((cause: unknown) => {
          signal.throwIfAborted();
          throw new InputError("infra", `the artifacts of ${jobId} could not be had`, { cause });
        });
        journal.line(`artifacts of ${jobId}`);
      }
    },
    async collectArtifacts({ workspace }) {
      const bytes = contentOf(workspace);
      const artifact: Artifact = {
        name: "artifacts.tar.gz",
        kind: "archive",
        files: 1,
        bytes: bytes.length,
        sha256: digestOf(bytes),
      };
      return { archive: { file: workspace, artifact }, warnings: [], missed: 0 };
    },
    async uploadFile(request, file, _bytes, signal = AbortSignal.timeout(HOUR_MS)) {
      const link = async () => request;
      const sent = await sendObject({ put, object: contentOf(file), link: request, ask: link, signal });
      if (sent.kind === "lost") throw new TransferError(sent.why);
    },
  };
}

/** What an attempt makes in its workspace is its own: of its run, job and fence. */
function contentOf(workspace: string): Buffer {
  const [, , runId, jobId, fence] = workspace.split("/");
  return Buffer.from(`made by ${runId} ${jobId} ${fence}`);
}

function memorySpool(): Spool {
  const objects = new Map<number, Buffer>();
  return {
    async keep(seq, object) {
      objects.set(seq, object);
      return undefined;
    },
    async read(seq) {
      const object = objects.get(seq);
      if (object === undefined) throw new Error(`chunk ${seq} is not in the spool`);
      return object;
    },
    async drop(seq) {
      objects.delete(seq);
    },
    async clear() {
      objects.clear();
    },
  };
}
