import { resolve } from "node:path";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { printBytes } from "../print/duration.ts";
import { printTable } from "../print/table.ts";
import { downloadArtifacts } from "../products/download-artifacts.ts";
import { type ConnectedOptions, connect, findRun, printJson } from "./find-run.ts";

interface ArtifactsOptions extends ConnectedOptions {
  readonly job?: string;
  readonly download?: string;
}

/** `baton runs artifacts RUN`: lists them; with --download unpacks each job's in a folder of the job's name. */
export async function artifactsCommand(context: Context, run: string, options: ArtifactsOptions): Promise<void> {
  const client = await connect(context, options);
  const runId = await findRun(client, run);
  // A mistyped job has no artifacts either.
  if (options.job !== undefined) await client.call("getJob", { params: { run: runId, job: options.job } });
  if (options.download !== undefined) {
    const { folders, failures } = await downloadArtifacts(
      client,
      runId,
      resolve(context.environment.cwd, options.download),
      options.job,
    );
    if (options.json === true) await printJson(context, { folders, failures });
    else for (const folder of folders) await context.out.write(`${folder}\n`);
    if (failures.length > 0) throw new CommandError(failures.join("; "));
    return;
  }
  const reply = await client.call("listArtifacts", { params: { run: runId } });
  const artifacts = reply.artifacts.filter(({ jobId }) => options.job === undefined || jobId === options.job);
  if (options.json === true) return printJson(context, { artifacts });
  if (artifacts.length === 0) {
    await context.err.write(`${runId} has no artifacts${options.job === undefined ? "" : ` of job ${options.job}`}\n`);
    return;
  }
  const rows = artifacts.map(({ jobId, artifact }) => [
    jobId,
    artifact.name,
    String(artifact.files),
    printBytes(artifact.bytes),
    artifact.sha256,
  ]);
  await context.out.write(printTable(["JOB", "ARTIFACT", "FILES", "SIZE", "SHA-256"], rows));
}
