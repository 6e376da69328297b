import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { readEnvironment } from "../../cli/environment.ts";
import { streamOutput } from "../../cli/print/output.ts";
import { buildProgram } from "../../cli/program.ts";
import { systemClock } from "../../shared/lib/clock.ts";

const root = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root })
  .toString("utf8")
  .split("\n")
  .filter((file) => file !== "" && existsSync(path.join(root, file)));
const pages = files.filter((file) => file.endsWith(".md"));
const programs = files.filter((file) => /\.(ts|mjs)$/.test(file) && !file.startsWith("test/"));

describe.each(pages)("%s", (page) => {
  const prose = read(page).replace(/^```.*?^```$/gms, "");

  test("every link inside the repository leads somewhere", () => {
    const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
    const inside = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(inside.filter((target) => !leadsSomewhere(page, target))).toEqual([]);
  });

  test("every file that it names in code marks exists", () => {
    const named = [...prose.matchAll(/`((?:\.ci|cli|docs|functions|localstack|runner|shared|test)\/[\w./-]*)`/g)];
    const missing = named
      .map((match) => match[1] ?? "")
      .filter((name) => !existsSync(path.join(root, name)) && !/^test\/\w+$/.test(name));
    expect(missing).toEqual([]);
  });
});

test("CONTRIBUTING says what each folder of tests is for", () => {
  const folders = new Set(files.flatMap((file) => /^test\/\w+(?=\/)/.exec(file)?.[0] ?? []));
  const told = read("CONTRIBUTING.md");
  const untold = [...folders].filter((folder) => !told.includes(`\`${folder}\``));
  expect(untold.filter((folder) => !["test/fixtures", "test/support"].includes(folder))).toEqual([]);
});

function leadsSomewhere(page: string, target: string): boolean {
  const [file = "", anchor] = target.split("#");
  const found = file === "" ? page : path.join(path.dirname(page), file);
  if (!existsSync(path.join(root, found))) return false;
  return anchor === undefined || anchors(read(found)).has(anchor);
}

/** As GitHub makes them: lower case, punctuation dropped, spaces to hyphens. */
function anchors(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? "");
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(" ", "-"),
    ),
  );
}

const program = buildProgram({
  environment: readEnvironment(),
  clock: systemClock,
  out: streamOutput(process.stdout),
  err: streamOutput(process.stderr),
  readerGone: new AbortController().signal,
});

describe("the baton command", () => {
  const handWritten = pages.filter((page) => !page.startsWith("docs/adr/"));

  test.each(handWritten)("what %s tells to type exists, with its options", (page) => {
    const typed = [...read(page).matchAll(/(?:^[ \t]*|`|&& |; )(?:npx )?baton ([a-z][^`\n#]*)/gm)].map(
      (match) => match[1] ?? "",
    );
    expect(typed.flatMap(mistakesIn)).toEqual([]);
  });

  test("the README names every command", () => {
    const readme = read("README.md");
    const names = program.commands.map((command) => command.name());
    expect(names.filter((name) => !readme.includes(`baton ${name}`))).toEqual([]);
  });
});

/** Commands and options of one typed line that the program does not know. */
function mistakesIn(line: string): string[] {
  let command: Command = program;
  const words = line.trim().split(/\s+/);
  while (command.commands.length > 0) {
    const next = command.commands.find((known) => known.name() === words[0]?.replace(/,$/, ""));
    if (next === undefined) return [`no command: baton ${line}`];
    command = next;
    words.shift();
  }
  // The runner reads its options itself.
  if (command.name() === "runner") return [];
  const options = words.filter((word) => word.startsWith("--")).map((word) => word.replace(/[^a-z-].*$/, ""));
  const known = new Set(command.options.map((option) => option.long));
  return options.filter((option) => option !== "--help" && !known.has(option)).map((option) => `${option}: ${line}`);
}

describe(".env.example", () => {
  const listed = new Set([...read(".env.example").matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1]));

  test("names every variable that a program reads", () => {
    const unlisted = programs.flatMap((file) =>
      variablesOf(read(file), file)
        .filter((name) => !listed.has(name))
        .map((name) => `${name} (${file})`),
    );
    expect(unlisted).toEqual([]);
  });

  test("names no variable that nothing knows", () => {
    const text = programs.map(read).join("\n");
    expect([...listed].filter((name) => name !== undefined && !text.includes(name))).toEqual([]);
  });
});

/** Names read from an environment object, and the keys of the schema in a program's environment file. */
function variablesOf(text: string, file: string): string[] {
  const read = [...text.matchAll(/(?:\benv(?:ironment)?\["|process\.env\.)([A-Z][A-Z0-9_]+)\b/g)];
  const parsed = file.endsWith("environment.ts") ? [...text.matchAll(/^\s+([A-Z][A-Z0-9_]+): z\b/gm)] : [];
  return [...read, ...parsed].map((match) => match[1] ?? "");
}
