import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { unpackArchive } from "../shared/lib/archive.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { bucketRequest, type RequestMeter } from "../shared/lib/request-meter.ts";
import { downloadTo } from "../shared/lib/transfer.ts";
import type { CallReply } from "../shared/protocol/client.ts";
import type { Journal } from "./journal.ts";
import { ToolingError } from "./tooling-error.ts";

/**
 * Unpacks the artifacts of the jobs that the spec names into the workspace, in the order of the links. Digests are
 * verified before anything is unpacked. What the network loses is thrown as it is: the attempt is given back for it.
 * Throws ToolingError where an archive is refused.
 */
export async function fetchInputs(options: {
  readonly inputs: CallReply<"inputs">["inputs"];
  readonly workspace: string;
  readonly archives: string;
  readonly journal: Journal;
  readonly meter: RequestMeter;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { inputs, workspace, archives, journal, meter, signal } = options;
  for (const [at, { jobId, artifact, download }] of inputs.entries()) {
    const file = join(archives, `input-${at}`);
    meter(bucketRequest("GetObject"));
    await downloadTo(download, file, artifact, signal);
    try {
      await unpackArchive({ file, into: workspace, signal });
    } catch (cause) {
      throw new ToolingError(`the artifacts of job "${jobId}" cannot be unpacked: ${messageOf(cause)}`, { cause });
    }
    await unlink(file);
    journal.line(`artifacts of ${jobId}: ${artifact.files} ${artifact.files === 1 ? "file" : "files"}`);
  }
}
