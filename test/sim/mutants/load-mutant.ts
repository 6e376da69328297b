import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Change, Mutant } from "./mutants.ts";

/**
 * Loads the simulator anew with one planted fault in the real source: a module of this repository that is imported from a
 * mutated one is mutated too, under a name of its own, so that worlds of several mutants live in one process.
 */

const ROOT = pathToFileURL(fileURLToPath(new URL("../../../", import.meta.url))).href;
const MARK = "mutant=";

export type Simulator = Pick<typeof import("../simulate.ts"), "simulate">;

const active = new Map<string, Mutant>();

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const mutant = new URL(context.parentURL ?? ROOT).search;
    // What is exchanged for the whole process stays one.
    if (!mutant.includes(MARK) || !isOurs(found.url) || found.url.includes("/engine/host.ts")) return found;
    return { ...found, url: found.url + mutant };
  },
  load(url, context, next) {
    const loaded = next(url, context);
    const mutant = active.get(new URL(url).search);
    const [path = ""] = url.split("?");
    const changes = mutant?.changes.filter(({ file }) => path === ROOT + file) ?? [];
    return changes.length === 0 ? loaded : { ...loaded, source: changes.reduce(planted, sourceOf(path)) };
  },
});

const isOurs = (url: string): boolean => url.startsWith(ROOT) && !url.includes("/node_modules/");

const sourceOf = (url: string): string => readFileSync(fileURLToPath(url), "utf8");

/** The changed text. Throws where what is to be changed is not there, or not once: then the mutant is out of date. */
function planted(text: string, { file, find, replace }: Change): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`"${find}" stands ${times} times in ${file}`);
  return text.replace(find, () => replace);
}

/** The simulator over the mutated source; over the real one where there is no mutant. */
export async function loadSimulator(mutant: Mutant | undefined): Promise<Simulator> {
  if (mutant === undefined) return import("../simulate.ts");
  const search = `?${MARK}${active.size + 1}`;
  active.set(search, mutant);
  return import(new URL(`../simulate.ts${search}`, import.meta.url).href);
}
