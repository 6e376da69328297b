import { realpath, stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import type { Step } from "../shared/domain/plan.ts";
import { DamagedFolders } from "./mend-folders.ts";
import { ToolingError } from "./tooling-error.ts";

/**
 * Where a step begins, relative to the workspace. A link or `..` out of the workspace is a mistake of the pipeline, not a boundary. Throws
 * ToolingError where there is no such folder, DamagedFolders where there is no workspace any more.
 */
export async function stepFolder(workspace: string, step: Step): Promise<string> {
  // A process that starts in no folder is told as a shell that does not exist.
  if (!(await isFolder(workspace)))
    throw new DamagedFolders(`step "${step.name}": the workspace is gone; a step before it removed it`);
  if (step.workdir === undefined) return "";
  const folder = await realpath(resolve(workspace, step.workdir)).catch(() => undefined);
  if (folder === undefined || !(await isFolder(folder)))
    throw new ToolingError(`step "${step.name}": there is no folder "${step.workdir}" in the workspace`);
  const inside = relative(await realpath(workspace), folder);
  if (inside === ".." || inside.startsWith("../"))
    throw new ToolingError(`step "${step.name}": the folder "${step.workdir}" is outside the workspace`);
  return inside;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}
