import type { ProjectItem } from "../store/items.ts";
import { isAbsenceUnsure } from "./confirm-absence.ts";
import { ForgeError } from "./forge.ts";
import type { IsOver, SweepDeps } from "./sweep-deps.ts";

/** Something that differs from what sweep knows, and is to be handled. */
export interface Differing {
  readonly name: string;
  handle(): Promise<void>;
}

export interface Handled {
  /** Names of those that were not handled. */
  readonly left: ReadonlySet<string>;
  /** Our own, each of one that was left. */
  readonly mistakes: readonly unknown[];
  /** One of those that were left waits for the forge's next answer: it is due with the next turn. */
  readonly isUnsure: boolean;
  /** Why it ended before all had their turn. */
  readonly ended?: "over" | ForgeError;
}

/**
 * Handles each in order. One that fails keeps no other from its turn; only a forge that may answer later is left alone
 * until then, with all that it was still to be asked.
 */
export async function startEach(
  deps: SweepDeps,
  project: ProjectItem,
  all: readonly Differing[],
  isOver: IsOver,
): Promise<Handled> {
  const left = new Set(all.map(({ name }) => name));
  const mistakes: unknown[] = [];
  let isUnsure = false;
  for (const { name, handle } of all) {
    if (isOver()) return { left, mistakes, isUnsure, ended: "over" };
    try {
      await handle();
      left.delete(name);
    } catch (error) {
      if (isAbsenceUnsure(error)) isUnsure = true;
      else if (error instanceof ForgeError && error.retry) return { left, mistakes, isUnsure, ended: error };
      // What the forge refuses for one it may do for another.
      else if (error instanceof ForgeError) tellRefusal(deps, project, name, error);
      else mistakes.push(error);
    }
  }
  return { left, mistakes, isUnsure };
}

function tellRefusal(deps: SweepDeps, { name }: ProjectItem, head: string, { message }: ForgeError): void {
  deps.metrics.count("SweepFailed", 1, { part: "projects" });
  deps.log.warn("the forge refuses what a head needs; it is asked again with the next whole list", {
    project: name,
    head,
    error: message,
  });
}
