import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { unpackArchive } from "../../shared/lib/archive.ts";
import { ArchiveError } from "../../shared/lib/archive-error.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { ThreadError } from "../../shared/lib/run-in-thread.ts";
import { downloadTo, TransferError } from "../../shared/lib/transfer.ts";
import type { Client } from "../../shared/protocol/client.ts";
import { CommandError } from "../command-error.ts";
import { makeFolder } from "./make-folder.ts";

export interface DownloadedArtifacts {
  readonly folders: readonly string[];
  /** What could not be had, a line each. */
  readonly failures: readonly string[];
}

/**
 * Downloads the artifacts of a run's results and unpacks each job's in `<into>/<job>`. Nothing is unpacked before its
 * digest is verified (SECURITY 32), and nothing lands outside of its folder (SECURITY 31). One that is lost, or refused,
 * costs the others nothing.
 */
export async function downloadArtifacts(
  client: Client,
  runId: string,
  into: string,
  jobId?: string,
): Promise<DownloadedArtifacts> {
  const { artifacts } = await client.call("listArtifacts", { params: { run: runId } });
  const wanted = artifacts.filter((one) => jobId === undefined || one.jobId === jobId);
  if (wanted.length === 0 && jobId !== undefined) throw new CommandError(`${runId} has no artifacts of job ${jobId}`);
  if (wanted.length === 0) return { folders: [], failures: [] };
  makeFolder("the artifacts", into);
  const spool = await mkdtemp(join(into, ".baton-"));
  try {
    const folders = new Set<string>();
    const failures: string[] = [];
    for (const { jobId: job, artifact } of wanted) {
      const link = await client.call("getArtifact", { params: { run: runId }, query: { job, name: artifact.name } });
      const file = join(spool, "artifact");
      const folder = join(into, job);
      try {
        await downloadTo({ method: "GET", url: link.url, headers: {} }, file, artifact);
        await unpackArchive({ file, into: folder });
        folders.add(folder);
      } catch (error) {
        if (!(error instanceof TransferError || error instanceof ArchiveError || error instanceof ThreadError))
          throw error;
        failures.push(`${artifact.name} of job ${job} is not here: ${messageOf(error)}`);
      }
    }
    return { folders: [...folders], failures };
  } finally {
    await removeWholeTree(spool);
  }
}
