import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { spawnStack } from "../localstack/spawn-stack.ts";
import { systemClock } from "../shared/lib/clock.ts";
import { removeWholeTree } from "../shared/lib/remove-tree.ts";
import { describeMachine } from "./describe-machine.ts";

/** `npm run record`. */

const root = path.resolve(import.meta.dirname, "..");
const BATON = path.join(root, "cli/baton.mjs");
const POOL = "probes";
/** Three bases, far apart. */
const SIM_WORLDS = ["--seed", "1", "--seed", "1000000", "--seed", "2000000", "--runs", "5000"];

/** What to type, how to run it, and where its JSON comes: on stdout, or in a file that it is given. */
interface Tool {
  readonly typed: string;
  readonly run: (file: string) => Promise<number>;
}

const USAGE_EXIT = 2;

const program = new Command("npm run record --")
  .description(
    "Runs tools of proof and keeps what comes out in docs/results/, with date, command, commit and machine; `npm run docs` prints docs/TRUST.md from there. Exits with 1 where a tool did, and then keeps its result all the same.",
  )
  .argument("<tool...>", "attack, conformance, cost, model, mutants, sim, sim-mutants")
  .option("--seed <n>", "of the attack", "1")
  .addHelpText("after", "\nExamples:\n  npm run record -- model mutants\n  npm run record -- attack --seed 7")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT))
  .parse();
const names = program.args;
const seed = Number(program.opts<{ readonly seed: string }>().seed);

const TOOLS: Readonly<Record<string, Tool>> = {
  attack: {
    typed: `npm run attack -- --seed ${seed}`,
    run: (file) => node("test/attack/main.ts", "--seed", String(seed), "--json", file),
  },
  cost: { typed: "npm run record -- cost", run: (file) => toFile(file, "test/bench/cost.ts") },
  conformance: { typed: "baton conformance", run: conformance },
  model: { typed: "npm run model -- --json", run: (file) => toFile(file, "test/model/main.ts", "--json") },
  mutants: {
    typed: "npm run model -- --mutants --json",
    run: (file) => toFile(file, "test/model/main.ts", "--mutants", "--json"),
  },
  sim: {
    typed: `npm run sim -- ${SIM_WORLDS.join(" ")}`,
    run: (file) => toFile(file, "test/sim/main.ts", ...SIM_WORLDS, "--json"),
  },
  "sim-mutants": {
    typed: "npm run sim -- --mutants",
    run: (file) => toFile(file, "test/sim/main.ts", "--mutants", "--json"),
  },
};

const unknown = names.filter((name) => TOOLS[name] === undefined);
if (unknown.length > 0)
  program.error(`error: there is no tool ${unknown.join(", ")}; there is: ${Object.keys(TOOLS).join(", ")}`);
if (!Number.isSafeInteger(seed)) program.error("error: --seed must be a whole number");
let failed = false;
for (const name of names) if ((await record(name)) !== 0) failed = true;
process.exitCode = failed ? 1 : 0;

async function record(name: string): Promise<number> {
  const tool = TOOLS[name];
  if (tool === undefined) throw new Error(`there is no tool ${name}`);
  const folder = mkdtempSync(path.join(tmpdir(), "baton-record-"));
  const file = path.join(folder, "result.json");
  const tried = { atMs: systemClock.nowMs(), commit: commit(), machine: describeMachine() };
  const code = await tool.run(file);
  const result: unknown = JSON.parse(readFileSync(file, "utf8"));
  await removeWholeTree(folder);
  const recorded = { tool: name, command: tool.typed, ...tried, result };
  mkdirSync(path.join(root, "docs/results"), { recursive: true });
  writeFileSync(path.join(root, `docs/results/${name}.json`), `${JSON.stringify(recorded, null, 2)}\n`);
  return code;
}

/** Which code was tried; `+` where it was not all committed. */
function commit(): string {
  const git = (...words: readonly string[]) => execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim();
  const changed = git(
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--",
    "shared",
    "functions",
    "runner",
    "localstack",
  );
  return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : "+");
}

function node(...words: readonly string[]): Promise<number> {
  return ends(spawn(process.execPath, [...words], { cwd: root, stdio: "inherit" }));
}

async function toFile(file: string, ...words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...words], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  const code = await ends(child);
  writeFileSync(file, Buffer.concat(parts));
  return code;
}

function ends(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** Against the embedded stack, in a pool that no runner serves. */
async function conformance(file: string): Promise<number> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "baton-record-stack-"));
  const stack = await spawnStack({ stateDir, memory: true, pools: [POOL] });
  try {
    const env = {
      PATH: path.dirname(process.execPath),
      HOME: stateDir,
      BATON_URL: stack.url,
      BATON_TOKEN: stack.token,
    };
    const child = spawn(process.execPath, [BATON, "conformance", "--pool", POOL, "--json", file], {
      env,
      stdio: "inherit",
    });
    return await ends(child);
  } finally {
    await stack.stop();
    await removeWholeTree(stateDir);
  }
}
