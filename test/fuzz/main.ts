import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { spawnStack } from "../../localstack/spawn-stack.ts";
import { removeTree } from "../../shared/lib/remove-tree.ts";
import { makeClient } from "../../shared/protocol/client.ts";
import { KINDS, makeCaller, makeProject } from "./callers.ts";
import { type Fuzzed, fuzzAs } from "./fuzz.ts";
import { installFuzzer } from "./install-fuzzer.ts";

/** `npm run fuzz`. */

const USAGE_EXIT = 2;
const CANNOT_EXIT = 2;
const MINUTES = 10;
const TOLD_CHARS = 6_000;
/** Requests name hosts at random. In a network of its own, with a loopback and nothing else, none of them is reached. */
const LOOPBACK_UP = `
import fcntl, os, socket, struct, sys
flags = struct.pack("16sh14x", b"lo", 1)
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, flags)
os.execvp(sys.argv[1], sys.argv[1:])`;

interface Options {
  readonly minutes: string;
  readonly seed: string;
  readonly inside: boolean;
}

const program = new Command("npm run fuzz --")
  .description(
    "An API fuzzer from PyPI (Schemathesis) over docs/openapi.v1.json, against an embedded stack of its own, with each kind of token: no 5xx, no status that the document does not name. Exits with 1 where it found one, with 2 where this machine cannot have it.",
  )
  .option("--minutes <n>", "in all", String(MINUTES))
  .option("--seed <n>", "of the requests", "1")
  .option("--inside", "it is in a network of its own already", false)
  .addHelpText("after", "\nExamples:\n  npm run fuzz\n  npm run fuzz -- --minutes 2 --seed 7")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT));

program.parse();
const { minutes, seed, inside } = program.opts<Options>();
if (!(Number(minutes) > 0)) program.error("error: --minutes must be a number above 0");
if (!Number.isSafeInteger(Number(seed))) program.error("error: --seed must be a whole number");
process.exitCode = await fuzz();

/** From PyPI, and so before it goes into a network of its own. */
async function fuzz(): Promise<number> {
  const fuzzer = installFuzzer();
  if ("cannot" in fuzzer) return cannot(`Schemathesis is not to be had (${fuzzer.cannot})`);
  return inside ? await fuzzWith(fuzzer.program) : await fuzzApart();
}

/** Runs this program again in a network of its own. */
function fuzzApart(): Promise<number> {
  const namespaces = process.getuid?.() === 0 ? ["--net"] : ["--net", "--user", "--map-root-user"];
  const self = [process.execPath, import.meta.filename, "--inside", ...process.argv.slice(2)];
  const child = spawn("unshare", [...namespaces, "python3", "-c", LOOPBACK_UP, ...self], { stdio: "inherit" });
  return new Promise((resolve) => {
    child.once("error", ({ message }) => resolve(cannot(`there is no network of its own to be had (${message})`)));
    child.once("close", (code) => resolve(code ?? 1));
  });
}

function cannot(why: string): number {
  console.log(`The API cannot be fuzzed here: ${why}`);
  return CANNOT_EXIT;
}

async function fuzzWith(fuzzer: string): Promise<number> {
  const stateDir = mkdtempSync(path.join(tmpdir(), "baton-fuzz-stack-"));
  const stack = await spawnStack({ stateDir, memory: true, pools: ["default"] });
  const results: Fuzzed[] = [];
  try {
    const { url } = stack;
    const admin = makeClient({ url, token: stack.token });
    await makeProject(admin);
    const seconds = Math.max(1, Math.round((Number(minutes) * 60) / KINDS.length));
    for (const kind of KINDS) {
      const caller = await makeCaller(admin, kind);
      const result = await fuzzAs(caller, { program: fuzzer, url, seconds, seed: Number(seed) });
      results.push(result);
      say(result);
    }
  } finally {
    await stack.stop();
    await removeTree(stateDir);
  }
  const requests = results.reduce((sum, one) => sum + one.requests, 0);
  const findings = results.reduce((sum, one) => sum + one.findings, 0);
  console.log(`\n${requests.toLocaleString("en")} requests in all, ${findings} findings (seed ${seed})`);
  return findings === 0 ? 0 : 1;
}

function say({ kind, requests, operations, findings, told }: Fuzzed): void {
  const count = requests.toLocaleString("en");
  console.log(`${kind.padEnd(14)} ${count.padStart(8)} requests, ${operations} operations, ${findings} findings`);
  if (findings > 0) console.log(told.slice(0, TOLD_CHARS));
}
