import { join } from "node:path";
import type { SpawnOptions } from "../../localstack/spawn-stack.ts";
import type { TempFolder } from "./temp-folder.ts";

/** The stack of one run: in memory, its log and tokens in the run's folder. */
export function stackOptions(temp: TempFolder): SpawnOptions {
  return { stateDir: join(temp.path, "state"), memory: true };
}
