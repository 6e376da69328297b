import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { FAKE_TOKEN, type FakeControlPlane, type FakeJob, startFakeControlPlane } from "./fake-control-plane.ts";
import { type RunnerProcess, spawnRunner } from "./runner-process.ts";

/** Real runner processes with real steps, against a control plane in memory on a real socket. */
export interface RunnerBench {
  readonly plane: FakeControlPlane;
  /** A folder that goes with the bench. */
  readonly scratch: string;
  /** One more runner, of four slots. */
  runner(...args: string[]): Promise<RunnerProcess>;
  /** One that is started in another way. */
  spawn(options: Partial<Parameters<typeof spawnRunner>[0]>): Promise<RunnerProcess>;
  /** How often the control plane was asked for this. */
  calls(name: string): number;
  stop(): Promise<void>;
}

export async function startRunnerBench(): Promise<RunnerBench> {
  const plane = await startFakeControlPlane();
  const scratch = mkdtempSync(join(tmpdir(), "baton-scratch-"));
  const runners: RunnerProcess[] = [];
  const spawn: RunnerBench["spawn"] = async (options) => {
    const one = await spawnRunner({ url: plane.url, token: FAKE_TOKEN, ...options });
    runners.push(one);
    return one;
  };
  return {
    plane,
    scratch,
    spawn,
    runner: (...args) => spawn({ args: ["--slots", "4", ...args] }),
    calls: (name) => plane.calls.filter((call) => call.name === name).length,
    async stop() {
      await Promise.all(runners.map((runner) => runner.discard()));
      await plane.stop();
      rmSync(scratch, { recursive: true });
    },
  };
}

/** How the job's first attempt ended. */
export const ended = (job: FakeJob) => eventually(`${job.runId} ends`, () => job.ends[0]);

/** A step that writes its own process id and then ignores what it can. */
export const STUBBORN = (file: string) => `trap '' TERM INT HUP; echo $$ > ${file}; while :; do sleep 0.05; done`;

export async function pidIn(file: string): Promise<number> {
  return eventually(`a process id in ${file}`, () => existsSync(file) && Number(readFileSync(file, "utf8")));
}
