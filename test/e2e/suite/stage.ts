import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
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
  /** Whether queues and bucket check who asks, as AWS does: not every emulator does. */
  readonly checksCredentials: boolean;
}

/** All who play in one suite: the control plane, and a runner that the scenarios share. */
export interface Company {
  readonly target: Target;
  readonly client: Client;
  /** The runner, started where none lives: `baton runner` with a token of its own, once it waits for jobs. */
  runner(): Promise<CliProcess>;
  /** Ends it. */
  dismiss(): Promise<void>;
}

/** Where one scenario plays: a git repository, commands as a user types them, and the API. */
export interface Stage extends Pick<Company, "target" | "client" | "runner"> {
  readonly place: Place;
  /** Commits the files; they are what `baton runs create` runs. */
  commit(files: Readonly<Record<string, string>>): void;
  baton(...args: string[]): CliProcess;
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
const COMMAND_MS = 120_000;
/** A job of a runner that vanished without a word is offered again when its lease has run out. */
export const RECOVERY_MS = 90_000;

/** Calls nobody yet. */
export function makeCompany(target: Target): Company {
  const { url, token, env } = target;
  const client = makeClient({ url, token });
  const place = makePlace();
  const hiredRunners: CliProcess[] = [];
  let current: Promise<CliProcess> | undefined;
  async function hire(): Promise<CliProcess> {
    const name = `suite-${hiredRunners.length + 1}`;
    const { token: runnerToken } = await client.call("createToken", { body: { name, scopes: ["runner"] } });
    const tokenFile = join(place.temp, `${name}-token`);
    writeFileSync(tokenFile, runnerToken, { mode: 0o600 });
    const folders = ["--work-dir", join(place.temp, name), "--allow-source", tmpdir()];
    const args = ["--url", url, "--token-file", tokenFile, "--name", name, "--slots", "4", "--drain-ms", "0"];
    const runner = baton(place, ["runner", ...args, ...folders], { env });
    hiredRunners.push(runner);
    runner.child.once("exit", () => {
      current = undefined;
    });
    await runner.sees("waits for jobs");
    return runner;
  }
  return {
    target,
    client,
    runner() {
      current ??= hire();
      return current;
    },
    async dismiss() {
      for (const { child } of hiredRunners) child.kill("SIGTERM");
      await Promise.all(hiredRunners.map(({ ended }) => ended));
      place.remove();
    },
  };
}

/** Plays one scenario in a folder of its own. */
export async function playScenario(company: Company, scenario: Scenario): Promise<void> {
  const place = makePlace();
  try {
    await scenario.play(makeStage(company, place));
  } finally {
    place.remove();
  }
}

function makeStage({ target, client, runner }: Company, place: Place): Stage {
  const { url, token, env } = target;
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=suite", "-c", "user.email=suite@example.com", ...args], {
      cwd: place.project,
      encoding: "utf8",
    });
  const stage: Stage = {
    target,
    client,
    runner,
    place,
    commit(files) {
      place.write(files);
      git("init", "-q", "-b", "trunk");
      git("add", "-A");
      git("commit", "-qm", "suite");
    },
    baton: (...args) => bounded(baton(place, args, { env: { ...env, BATON_URL: url, BATON_TOKEN: token } })),
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

/** A command that waits for ever, as for a run that nobody takes, is killed: its scenario then fails by its exit code. */
function bounded(command: CliProcess): CliProcess {
  const timer = setTimeout(() => command.child.kill("SIGKILL"), COMMAND_MS);
  command.child.once("exit", () => clearTimeout(timer));
  return command;
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
