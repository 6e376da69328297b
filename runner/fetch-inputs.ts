import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { unpackArchive } from "../shared/lib/archive.ts";
import { ArchiveError } from "../shared/lib/archive-error.ts";
import { cut } from "../shared/lib/cut.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { bucketRequest, type RequestMeter } from "../shared/lib/request-meter.ts";
import { downloadTo, TransferError } from "../shared/lib/transfer.ts";
import type { CallReply } from "../shared/protocol/client.ts";
import { InputError } from "./input-error.ts";
import type { Journal } from "./journal.ts";

type Inputs = CallReply<"inputs">["inputs"];
type Input = Inputs[number];

const MESSAGE_LENGTH_MAX = 1_000;
/** S3's answer to a link that is too old: those of the later artifacts grow old while the first ones come. */
const EXPIRED = 403;

export interface FetchInputs {
  /** The jobs whose artifacts the spec asks for. */
  readonly from: readonly string[];
  readonly ask: () => Promise<Inputs>;
  readonly workspace: string;
  readonly archives: string;
  readonly journal: Journal;
  readonly meter: RequestMeter;
  readonly signal: AbortSignal;
}

/**
 * Unpacks the artifacts of the jobs that the spec names into the workspace, in the order of the links. Digests are
 * verified before anything is unpacked. Throws InputError for whatever could not be had, and what `ask` throws as it is.
 */
export async function fetchInputs(options: FetchInputs): Promise<void> {
  const { from, journal, signal } = options;
  const inputs = await options.ask();
  for (const jobId of from.filter((id) => !inputs.some((input) => input.jobId === id)))
    journal.line(`artifacts of ${jobId}: it has none`);
  for (const [at, input] of inputs.entries()) {
    try {
      await fetchInput(options, input, join(options.archives, `input-${at}`));
    } catch (cause) {
      signal.throwIfAborted();
      throw inputError(input, cause);
    }
    const { files } = input.artifact;
    journal.line(`artifacts of ${input.jobId}: ${files} ${files === 1 ? "file" : "files"}`);
  }
}

async function fetchInput(options: FetchInputs, input: Input, file: string): Promise<void> {
  const { workspace, meter, signal } = options;
  const get = (download: Input["download"]) => {
    meter(bucketRequest("GetObject"));
    return downloadTo(download, file, input.artifact, signal);
  };
  await get(input.download).catch(async (error: unknown) => {
    if (!(error instanceof TransferError) || error.status !== EXPIRED) throw error;
    const fresh = (await options.ask()).find((one) => isSame(one, input));
    if (fresh === undefined) throw error;
    await get(fresh.download);
  });
  await unpackArchive({ file, into: workspace, signal });
  await unlink(file);
}

const isSame = (a: Input, b: Input): boolean =>
  a.jobId === b.jobId && a.fence === b.fence && a.artifact.name === b.artifact.name;

function inputError({ jobId, artifact }: Input, cause: unknown): InputError {
  const [failureClass, what] =
    cause instanceof ArchiveError ? (["tooling", "unpacked"] as const) : (["infra", "had"] as const);
  const message = `the artifacts of job "${jobId}" (${artifact.name}) could not be ${what}: ${messageOf(cause)}`;
  return new InputError(failureClass, cut(message, MESSAGE_LENGTH_MAX), { cause });
}
