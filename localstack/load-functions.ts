import { FUNCTIONS, type FunctionName } from "../shared/resources.ts";
import type { Handlers, LambdaHandler } from "./invoke.ts";

/** Loads `<name>.ts` of a folder for every function that `shared/resources.ts` names. */
export async function loadFunctions(folder: URL): Promise<Handlers> {
  const names = Object.keys(FUNCTIONS) as FunctionName[];
  const loaded = await Promise.all(names.map(async (name) => [name, await loadHandler(folder, name)] as const));
  return Object.fromEntries(loaded) as Record<FunctionName, LambdaHandler>;
}

async function loadHandler(folder: URL, name: FunctionName): Promise<LambdaHandler> {
  const module: unknown = await import(new URL(`${name}.ts`, folder).href);
  if (typeof module === "object" && module !== null && "handler" in module && typeof module.handler === "function")
    return module.handler as LambdaHandler;
  throw new Error(`functions/${name}.ts exports no handler`);
}
