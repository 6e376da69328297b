import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

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
    const missing = named.map((match) => match[1] ?? "").filter((name) => !existsSync(path.join(root, name)));
    expect(missing).toEqual([]);
  });
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
