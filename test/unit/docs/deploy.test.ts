import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { App } from "aws-cdk-lib";
import { expect, test } from "vitest";
import { z } from "zod";
import { readSettings } from "../../../infra/settings.ts";
import { METRICS } from "../../../shared/metrics.ts";

/** docs/DEPLOY.md against the programs that it calls. What it says of `baton`'s commands, test/unit/docs.test.ts checks. */

const root = path.resolve(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(path.join(root, file), "utf8");
const page = read("docs/DEPLOY.md");
const all = (pattern: RegExp, text = page): string[] => [
  ...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? "")),
];
const infra = execFileSync("git", ["ls-files", "--", "infra"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file.endsWith(".ts"))
  .map(read)
  .join("\n");

test("every npm script that it calls is there", () => {
  const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read("package.json")));
  const called = all(/npm run ([\w:]+)/g);
  expect(called).toContain("deploy");
  expect(called.filter((name) => scripts[name] === undefined)).toEqual([]);
});

test("every setting that it names is one, with a value that is allowed", () => {
  const table = /## Settings\n(.*?)\n## /s.exec(page)?.[1] ?? "";
  const named = [...all(/-c (\w+=[\w-]+)/g), ...all(/^\| `([^`]+=[^`]+)` \|/gm, table)];
  const settings = named.filter((setting) => setting !== "NAME=VALUE");
  expect(settings.length).toBeGreaterThan(6);
  for (const setting of settings) {
    const [name = "", value = ""] = setting.split("=");
    const filled = value.replace("arn:…", "arn:aws:sns:eu-central-1:1:alarms").replace("//…", "//example.com");
    const read: Readonly<Record<string, unknown>> = { ...readSettings(new App({ context: { [name]: filled } }).node) };
    // A name that is no setting would not come back.
    expect(String(read[name]), setting).toBe(filled);
  }
});

test("every output, stack, function and log that it names is made", () => {
  const outputs = all(/`(\w+)`[^.|]{0,20}(?:and `AdminFunctionName`)|the output `(\w+)`/g).filter(
    (name) => name !== "",
  );
  for (const name of [...outputs, "ApiUrl", "AdminFunctionName", "TableName"])
    expect(infra, name).toContain(`new CfnOutput(this, "${name}"`);
  for (const stack of all(/`(Baton(?:Data|Control|Watch|Fleet))`/g))
    expect(infra).toContain(`class ${stack} extends Stack`);
  const resources = read("shared/resources.ts");
  for (const name of all(/`\/baton\/(plan|report|api|lease|sweep|webhook)`/g))
    expect(resources).toMatch(new RegExp(`^  ${name}: \\{`, "m"));
});

test("every metric and option of the CDK that it names is known", () => {
  expect(all(/metric `(\w+)`/g).filter((name) => !(name in METRICS))).toEqual([]);
  const help = execFileSync(path.join(root, "node_modules/.bin/cdk"), ["deploy", "--help"], { encoding: "utf8" });
  expect(all(/npm run deploy -- (--[\w-]+)/g).filter((option) => !help.includes(option))).toEqual([]);
});

test("every variable that it sets is one that a program reads", () => {
  const known = read(".env.example");
  expect(all(/\b((?:AWS|BATON)_[A-Z_]+)\b/g).filter((name) => !known.includes(name))).toEqual([]);
});
