import { isDeepStrictEqual } from "node:util";
import type { Bench } from "../bench.ts";
import { must } from "../check.ts";

/** Fails the check where the calls, all of which are to be refused, change the job or its run's state. */
export async function mustNotChange(bench: Bench, run: string, calls: () => Promise<void>): Promise<void> {
  const look = async () => {
    const [job, seen] = await Promise.all([bench.job(run), bench.client.call("getRun", { params: { run } })]);
    return { job, state: seen.run.state };
  };
  const before = await look();
  await calls();
  const after = await look();
  // A run closes by itself a moment after its last job ended; nothing else may move.
  must(
    isDeepStrictEqual(after.job, before.job),
    `calls that were refused changed the job: ${differing(before.job, after.job)}`,
  );
}

function differing(before: object, after: object): string {
  const old = new Map<string, unknown>(Object.entries(before));
  const names = Object.entries(after).filter(([name, value]) => !isDeepStrictEqual(value, old.get(name)));
  return names.map(([name, value]) => `${name} is now ${JSON.stringify(value)}`).join("; ") || "a field went";
}
