import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { unpackArchive } from "../../shared/lib/archive.ts";
import { removeWholeTree } from "../../shared/lib/remove-tree.ts";
import { downloadTo } from "../../shared/lib/transfer.ts";
import type { Client } from "../../shared/protocol/client.ts";
import { CommandError } from "../command-error.ts";

/**
 * Downloads the artifacts of a run's results and unpacks each job's in `<into>/<job>`. Nothing is unpacked before its
 * digest is verified (SECURITY 32), and nothing lands outside of its folder (SECURITY 31). Returns the folders.
 */
export async function downloadArtifacts(
  client: Client,
  runId: string,
  into: string,
  jobId?: string,
): Promise<string[]> {
  const { artifacts } = await client.call("listArtifacts", { params: { run: runId } });
  const wanted = artifacts.filter((one) => jobId === undefined || one.jobId === jobId);
  if (wanted.length === 0 && jobId !== undefined) throw new CommandError(`${runId} has no artifacts of job ${jobId}`);
  if (wanted.length === 0) return [];
  await mkdir(into, { recursive: true });
  const spool = await mkdtemp(join(into, ".baton-"));
  try {
    const folders: string[] = [];
    for (const { jobId: job, artifact } of wanted) {
      const link = await client.call("getArtifact", { params: { run: runId }, query: { job, name: artifact.name } });
      const file = join(spool, "artifact");
      await downloadTo({ method: "GET", url: link.url, headers: {} }, file, artifact);
      const folder = join(into, job);
      await mkdir(folder, { recursive: true });
      await unpackArchive({ file, into: folder });
      if (!folders.includes(folder)) folders.push(folder);
    }
    return folders;
  } finally {
    await removeWholeTree(spool);
  }
}
