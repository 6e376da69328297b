import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { type Client, makeClient } from "../../shared/protocol/client.ts";
import { WATCHED_STACK } from "./needed-rights.ts";
import { type RunnerProcess, spawnRunner } from "./runner-process.ts";

/** A stack and runners as real processes, which a test may kill one by one. */
export interface WholeSystem {
  readonly client: Client;
  readonly stateDir: string;
  stack(): SpawnedStack;
  addRunner(...args: string[]): Promise<RunnerProcess>;
  /** One that is started in another way. */
  spawnRunner(options: Partial<Parameters<typeof spawnRunner>[0]>): Promise<RunnerProcess>;
  /** SIGKILL, and the same state again at the same address. */
  crashAndRestartStack(): Promise<void>;
  stop(): Promise<void>;
}

export async function startWholeSystem(options: {
  readonly memory: boolean;
  /** What the functions ask of AWS is kept: `missingRights` reads it. */
  readonly watched?: boolean;
}): Promise<WholeSystem> {
  const stateDir = mkdtempSync(join(tmpdir(), "baton-system-"));
  const how = { stateDir, memory: options.memory, ...(options.watched === true ? { main: WATCHED_STACK } : {}) };
  let stack = await spawnStack(how);
  const port = stack.ports.gateway;
  const runners: RunnerProcess[] = [];
  const add: WholeSystem["spawnRunner"] = async (how) => {
    const runner = await spawnRunner({ url: stack.url, token: stack.token, ...how });
    runners.push(runner);
    await runner.heard("ready");
    return runner;
  };
  return {
    client: makeClient({ url: stack.url, token: stack.token }),
    stateDir,
    stack: () => stack,
    addRunner: (...args) => add({ args }),
    spawnRunner: add,
    async crashAndRestartStack() {
      stack.kill();
      await stack.exited;
      stack = await spawnStack({ ...how, port });
    },
    async stop() {
      await Promise.all(runners.map((runner) => runner.discard()));
      await stack.stop();
      rmSync(stateDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}
