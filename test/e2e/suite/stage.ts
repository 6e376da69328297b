import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, makeClient } from "../../../shared/protocol/client.ts";
import { eventually } from "../../support/eventually.ts";
import { baton, type CliProcess, descendantsOf, isAlive, makePlace, type Place } from "../cli-process.ts";

/** A control plane, wherever it runs: embedded, on an emulator, in an account. All that a scenario may know of it. */
export interface Target {
  readonly url: string;
  /** An API token with every scope. */
  readonly token: string;
  /** What commands and runners need besides, as a certificate to trust. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where one scenario plays: a git repository, programs as a user starts them, and the API. */
export interface Stage {
  readonly target: Target;
  readonly client: Client;
  readonly place: Place;
  /** Commits the files; they are what `baton runs create` runs. */
  commit(files: Readonly<Record<string, string>>): void;
  baton(...args: string[]): CliProcess;
  /** `baton runner` with a token of its own, once it waits for jobs. */
  startRunner(name: string): Promise<CliProcess>;
  /** Creates a run of the pipeline file; its id. */
  createRun(file: string): Promise<string>;
  runBecomes(run: string, state: string): Promise<void>;
}

export interface Scenario {
  /** A sentence: what holds. */
  readonly title: string;
  readonly play: (stage: Stage) => Promise<void>;
}

const LOOK_MS = 200;
/** A job of a runner that vanished without a word is offered again when its lease has run out. */
export const RECOVERY_MS = 90_000;

/** Plays one scenario, and ends every process that it started. */
export async function playScenario(target: Target, scenario: Scenario): Promise<void> {
  const place = makePlace();
  const runners: CliProcess[] = [];
  try {
    await scenario.play(makeStage(target, place, runners));
  } finally {
    for (const { child } of runners) child.kill("SIGTERM");
    await Promise.all(runners.map(({ ended }) => ended));
    place.remove();
  }
}

function makeStage(target: Target, place: Place, runners: CliProcess[]): Stage {
  const { url, token, env } = target;
  const client = makeClient({ url, token });
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=suite", "-c", "user.email=suite@example.com", ...args], {
      cwd: place.project,
      encoding: "utf8",
    });
  const stage: Stage = {
    target,
    client,
    place,
    commit(files) {
      place.write(files);
      git("init", "-q", "-b", "trunk");
      git("add", "-A");
      git("commit", "-qm", "suite");
    },
    baton: (...args) => baton(place, args, { env: { ...env, BATON_URL: url, BATON_TOKEN: token } }),
    async startRunner(name) {
      const { token: runnerToken } = await client.call("createToken", { body: { name, scopes: ["runner"] } });
      const tokenFile = join(place.temp, `${name}-token`);
      writeFileSync(tokenFile, runnerToken, { mode: 0o600 });
      const work = join(place.temp, `${name}-work`);
      const args = ["--url", url, "--token-file", tokenFile, "--name", name, "--slots", "2", "--work-dir", work];
      const runner = baton(place, ["runner", ...args, "--drain-ms", "0", "--allow-source", place.project], { env });
      runners.push(runner);
      await runner.sees("waits for jobs");
      return runner;
    },
    async createRun(file) {
      const { code, stdout, stderr } = await stage.baton("runs", "create", file, "--project", "suite").ended;
      if (code !== 0) throw new Error(`baton runs create ended with ${code}: ${stderr}`);
      return stdout.trim();
    },
    async runBecomes(run, state) {
      const what = `run ${run} is ${state}`;
      await eventually(what, async () => (await stateOf(client, run)) === state, RECOVERY_MS, LOOK_MS);
    },
  };
  return stage;
}

async function stateOf(client: Client, run: string): Promise<string> {
  return (await client.call("getRun", { params: { run } })).run.state;
}

/** SIGKILL, as a host that loses power to one process; waits until nothing below it lives. */
export async function killRunner(runner: CliProcess): Promise<void> {
  const below = descendantsOf(runner.child.pid ?? 0);
  runner.child.kill("SIGKILL");
  await runner.ended;
  await eventually("every process of the killed runner ends", () => !below.some(isAlive), RECOVERY_MS, LOOK_MS);
}
