import { spawn } from "node:child_process";
import path from "node:path";
import { type Clock, systemClock } from "../../shared/lib/clock.ts";

/**
 * `npm run check`: every gate at once, each with its time and verdict. All failures are shown, not just the first.
 * Exits with 1 where a gate failed.
 */

interface Gate {
  readonly name: string;
  /** A program of `node_modules/.bin`, or `node`, with its arguments. */
  readonly command: readonly [string, ...string[]];
}

interface Verdict {
  readonly gate: Gate;
  readonly passed: boolean;
  readonly durationMs: number;
  readonly output: string;
}

const root = path.resolve(import.meta.dirname, "../..");

const TYPES_CACHE = "node_modules/.cache/types.tsbuildinfo";

const GATES: readonly Gate[] = [
  // What it knows from the last time makes it a quarter of the work; `npm ci` removes that.
  { name: "types", command: ["tsc", "--noEmit", "-p", ".", "--incremental", "--tsBuildInfoFile", TYPES_CACHE] },
  {
    name: "format, lint, layers, cycles",
    command: ["biome", "check", "--error-on-warnings", "--max-diagnostics=100", "."],
  },
  { name: "lint rules catch what they must", command: ["node", "test/support/lint/prove-rules.ts"] },
  { name: "unused code and dependencies", command: ["knip", "--treat-config-hints-as-errors"] },
  { name: "docs and OpenAPI match the code", command: ["node", "docs/print.ts", "--check"] },
];

async function check(clock: Clock): Promise<boolean> {
  const verdicts = await Promise.all(GATES.map((gate) => runGate(gate, clock)));
  for (const { gate, output } of verdicts.filter(({ passed }) => !passed)) {
    console.log(`\n── ${gate.name}: ${gate.command.join(" ")}\n${output.trimEnd()}`);
  }
  const width = Math.max(...GATES.map(({ name }) => name.length));
  console.log();
  for (const { gate, passed, durationMs } of verdicts) {
    const seconds = (durationMs / 1_000).toFixed(1).padStart(5);
    console.log(`${passed ? "ok    " : "FAILED"} ${gate.name.padEnd(width)} ${seconds} s`);
  }
  return verdicts.every(({ passed }) => passed);
}

async function runGate(gate: Gate, clock: Clock): Promise<Verdict> {
  const startedAtMs = clock.monotonicMs();
  const [program, ...args] = gate.command;
  const file = program === "node" ? process.execPath : path.join(root, "node_modules/.bin", program);
  const chunks: Buffer[] = [];
  const child = spawn(file, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: environment() });
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const passed = await new Promise<boolean>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`the gate "${gate.name}" did not start`, { cause })));
    child.once("close", (code) => resolve(code === 0));
  });
  const output = Buffer.concat(chunks).toString("utf8");
  return { gate, passed, durationMs: clock.monotonicMs() - startedAtMs, output };
}

/** The tools are Node programs: they must find the Node that runs this one. */
function environment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env["PATH"] ?? ""}` };
}

process.exitCode = (await check(systemClock)) ? 0 : 1;
