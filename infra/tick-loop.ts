import { FUNCTIONS, type FunctionName, type FunctionResource, QUEUES } from "../shared/resources.ts";

/**
 * The functions that AWS would cut off without `recursiveLoop: Allow`: those that a message of one of them can reach
 * again through a queue, and those that such a loop calls by the way, for a chain of events counts each function's calls,
 * and ends it after 16. Emulators do not show it.
 */
export function loopingFunctions(): ReadonlySet<FunctionName> {
  const names = Object.keys(FUNCTIONS) as FunctionName[];
  const inLoop = names.filter((name) => reachedFrom(name).has(name));
  return new Set(inLoop.flatMap((name) => [...reachedFrom(name)]));
}

/** Every function that a call of this one may lead to, itself only where it is in a loop. */
function reachedFrom(start: FunctionName): ReadonlySet<FunctionName> {
  const reached = new Set<FunctionName>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const next of calledBy(name)) {
      if (reached.has(next)) continue;
      reached.add(next);
      open.push(next);
    }
  }
  return reached;
}

function calledBy(name: FunctionName): FunctionName[] {
  const { uses }: FunctionResource = FUNCTIONS[name];
  return (uses.send ?? []).map((queue) => QUEUES[queue].function);
}
