import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { removeTree } from "../../shared/lib/remove-tree.ts";
import type { Caller } from "./callers.ts";

/** What the fuzzer found with one caller. */
export interface Fuzzed {
  readonly kind: string;
  readonly requests: number;
  readonly operations: number;
  readonly findings: number;
  /** How the fuzzer told them at its end, with a request that shows each. */
  readonly told: string;
}

const DOCUMENT = path.resolve(import.meta.dirname, "../../docs/openapi.v1.json");
/** What the API promises to whoever calls: no 5xx, and no status that the document does not name. */
const CHECKS = "not_a_server_error,status_code_conformance";
/** How often a request names what exists. */
const EXISTING = 0.7;
const RENEW_MS = 10_000;
const OUTPUT_MAX = 40_000;

const report = z.object({
  operations: z.object({ tested: z.int() }),
  test_cases: z.object({ generated: z.int() }),
  failures: z.array(z.unknown()),
  errors: z.array(z.unknown()),
});

/** Fuzzes the document's operations as one caller, for so long. Throws where the fuzzer itself fails. */
export async function fuzzAs(
  caller: Caller,
  options: { readonly program: string; readonly url: string; readonly seconds: number; readonly seed: number },
): Promise<Fuzzed> {
  const folder = mkdtempSync(path.join(process.env["TMPDIR"] ?? "/tmp", "baton-fuzz-"));
  const renewing = caller.renew === undefined ? undefined : setInterval(() => void renew(caller), RENEW_MS);
  try {
    const config = path.join(folder, "schemathesis.toml");
    writeFileSync(config, configOf(caller), { mode: 0o600 });
    const file = path.join(folder, "report.json");
    const output = await run(options.program, argumentsOf(caller, options, { config, file }), folder);
    if (!existsSync(file)) throw new Error(`the fuzzer wrote no report:\n${output}`);
    const { operations, test_cases, failures, errors } = report.parse(JSON.parse(readFileSync(file, "utf8")));
    const findings = failures.length + errors.length;
    const told = findings === 0 ? "" : output.slice(Math.max(0, output.search(/^=+ (FAILURES|ERRORS) =+$/m)));
    return { kind: caller.kind, requests: test_cases.generated, operations: operations.tested, findings, told };
  } finally {
    clearInterval(renewing);
    await removeTree(folder);
  }
}

async function renew(caller: Caller): Promise<void> {
  // A request of the fuzzer's may have ended the lease: then there is nothing to renew, and its calls are refused.
  await caller.renew?.().catch(() => undefined);
}

/** A file, and not arguments: those are for everybody to read. */
function configOf({ token, ids }: Caller): string {
  const headers = token === undefined ? "" : `[headers]\nAuthorization = ${JSON.stringify(`Bearer ${token}`)}\n`;
  const names = Object.entries(ids);
  const dictionaries = names.map(([name, values]) => `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`);
  const bindings = names.map(([name]) => `"path.${name}" = { dictionary = "${name}", probability = ${EXISTING} }`);
  return [headers, ...dictionaries, "[parameters]", ...bindings, ""].join("\n");
}

function argumentsOf(
  { leftOut }: Caller,
  { url, seconds, seed }: { readonly url: string; readonly seconds: number; readonly seed: number },
  { config, file }: { readonly config: string; readonly file: string },
): string[] {
  const words = ["--config-file", config, "run", DOCUMENT, "--url", url, "--checks", CHECKS, "--no-color"];
  words.push("--max-time", String(seconds), "--seed", String(seed), "--continue-on-failure", "--no-shrink");
  words.push("--generation-database", "none", "--report-json-path", file, "--warnings", "off");
  return [...words, ...leftOut.flatMap((id) => ["--exclude-operation-id", id])];
}

/** What it said at the end. Findings are in its report; another exit code than 0 or 1 is a failure of its own. */
function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const keep = (chunk: Buffer) => {
      said = (said + chunk.toString("utf8")).slice(-OUTPUT_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 || code === 1 ? resolve(said) : reject(new Error(`the fuzzer ended with ${code}:\n${said}`)),
    );
  });
}
