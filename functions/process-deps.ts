import { makeDeps } from "./deps.ts";
import { readEnvironment } from "./environment.ts";

/** One set of connections and counters a process: a Lambda's own, or the embedded stack's for all of its handlers. */
export const deps = makeDeps(readEnvironment());
