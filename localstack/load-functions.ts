import { FUNCTIONS, type FunctionName } from "../shared/resources.ts";
import type { Handlers, LambdaHandler } from "./invoke.ts";

/** Those that no run on a laptop may need: loaded when they are called first, so that a start does not wait for them. */
const LATE: ReadonlySet<FunctionName> = new Set(["webhook", "report", "status", "admin"]);

/** Loads `<name>.ts` of a folder for every function that `shared/resources.ts` names. */
export async function loadFunctions(folder: URL): Promise<Handlers> {
  const names = Object.keys(FUNCTIONS) as FunctionName[];
  const load = async (name: FunctionName) =>
    LATE.has(name) ? loadWhenCalled(folder, name) : await loadHandler(folder, name);
  const loaded = await Promise.all(names.map(async (name) => [name, await load(name)] as const));
  return Object.fromEntries(loaded) as Record<FunctionName, LambdaHandler>;
}

function loadWhenCalled(folder: URL, name: FunctionName): LambdaHandler {
  return async (event, context) => (await loadHandler(folder, name))(event, context);
}

async function loadHandler(folder: URL, name: FunctionName): Promise<LambdaHandler> {
  const module: unknown = await import(new URL(`${name}.ts`, folder).href);
  if (typeof module === "object" && module !== null && "handler" in module && typeof module.handler === "function")
    return module.handler as LambdaHandler;
  throw new Error(`functions/${name}.ts exports no handler`);
}
