import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

/**
 * A check that has never failed is not trusted. `test/fixtures/lint` is a small project, shaped like this one, whose
 * lines break the house rules and name, in a comment, the rules that must flag them. It is linted in a folder of its
 * own, with this project's configuration; what is flagged must be exactly what is named.
 */

const root = path.resolve(import.meta.dirname, "../../..");
const FIXTURES = "test/fixtures/lint";
const CONFIGURATION = ["biome.json", ".gitignore", "test/support/lint"];

const reportSchema = z.object({
  diagnostics: z.array(
    z.object({
      category: z.string(),
      location: z.object({ path: z.string(), start: z.object({ line: z.number() }) }),
    }),
  ),
});

/** What the linter should have flagged and did not, or flagged and should not have: one line each. */
export async function ruleProblems(): Promise<string[]> {
  const expected = await expectations();
  const found = await flagged();
  return [
    ...[...expected].filter((entry) => !found.has(entry)).map((entry) => `not flagged: ${entry}`),
    ...[...found].filter((entry) => !expected.has(entry)).map((entry) => `flagged, but should pass: ${entry}`),
  ].sort();
}

async function expectations(): Promise<Set<string>> {
  const folder = path.join(root, FIXTURES);
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith(".ts"));
  const entries = await Promise.all(
    files.map(async (file) => named(file, await readFile(path.join(folder, file), "utf8"))),
  );
  return new Set(entries.flat());
}

function named(file: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const rules = /\/\/ flagged: (.+)$/.exec(line)?.[1]?.split(" ") ?? [];
    return rules.map((rule) => `${file}:${index + 1} ${rule}`);
  });
}

async function flagged(): Promise<Set<string>> {
  const folder = await mkdtemp(path.join(tmpdir(), "baton-lint-"));
  try {
    await cp(path.join(root, FIXTURES), folder, { recursive: true });
    for (const name of CONFIGURATION) await cp(path.join(root, name), path.join(folder, name), { recursive: true });
    await rm(path.join(folder, "test/support/lint/prove-rules.ts"));
    await mkdir(path.join(folder, ".git"));
    const report = reportSchema.parse(JSON.parse(await lint(folder)));
    return new Set(
      report.diagnostics.map(
        ({ category, location }) => `${location.path}:${Math.max(1, location.start.line)} ${category}`,
      ),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Biome's report. It exits with 1, since it finds what it must find. */
async function lint(folder: string): Promise<string> {
  const biome = path.join(root, "node_modules/.bin/biome");
  const run = promisify(execFile)(biome, ["lint", "--reporter=json", "--max-diagnostics=none", "."], { cwd: folder });
  return run.then(
    ({ stdout }) => stdout,
    (failure: { stdout?: string }) => {
      if (failure.stdout) return failure.stdout;
      throw failure;
    },
  );
}

if (import.meta.main) {
  const problems = await ruleProblems();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
