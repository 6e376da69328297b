import { DomainError } from "../shared/domain/errors.ts";
import { DEFINITION_BYTES_MAX } from "../shared/domain/limits.ts";
import type { Source } from "../shared/protocol/runs.ts";
import type { ProjectItem } from "../shared/store/items.ts";
import { isCloneUrlOf } from "../shared/usecases/clone-url.ts";
import type { ReadDefinition } from "../shared/usecases/deps.ts";
import { ForgeError } from "../shared/usecases/forge.ts";
import type { TriggerDeps } from "../shared/usecases/trigger-deps.ts";
import { assertReadable, type SourcePolicy } from "./source-policy.ts";

/**
 * Reads a run's definition: of a project's own repository through its forge, with the project's credentials, since a
 * deployment has no git; of any other source with git. A file that is not there, or that the forge refuses for good, is
 * the caller's mistake; what may pass is thrown as it is, and tried again.
 */
export function makeReadDefinition(
  deps: Pick<TriggerDeps, "projects" | "forge">,
  readWithGit: (source: Source, path: string) => Promise<string>,
): ReadDefinition {
  return async (source, path, run) => {
    const project = await deps.projects.getProject(run.tenant, run.project);
    // A project's credentials are for its own repository alone: whoever may create runs names the source.
    if (project === undefined || !isCloneUrlOf(project, source.url)) return readWithGit(source, path);
    return readFromForge(deps, project, source, path);
  };
}

export type CheckSource = (source: Source, run: { readonly tenant: string; readonly project: string }) => Promise<void>;

/** The same choice, before there is a run: who names a source that is not read is told at once. */
export function makeCheckSource(projects: TriggerDeps["projects"], policy: SourcePolicy): CheckSource {
  return async ({ url }, run) => {
    const project = await projects.getProject(run.tenant, run.project);
    if (project === undefined || !isCloneUrlOf(project, url)) await assertReadable(url, policy);
  };
}

async function readFromForge(
  { forge }: Pick<TriggerDeps, "forge">,
  project: ProjectItem,
  { sha }: Source,
  path: string,
): Promise<string> {
  const reading = `cannot read ${path} at ${sha}`;
  const text = await forge.readFile(project, sha, path).catch((error: unknown) => {
    if (!(error instanceof ForgeError) || error.retry) throw error;
    throw new DomainError("invalid_definition", `${reading}: ${error.message}`, undefined, { cause: error });
  });
  if (text === undefined) throw new DomainError("invalid_definition", `${reading}: it is not there`);
  if (Buffer.byteLength(text) <= DEFINITION_BYTES_MAX) return text;
  throw new DomainError("invalid_definition", `${reading}: it has more than ${DEFINITION_BYTES_MAX} bytes`);
}
