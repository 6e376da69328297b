import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type App, Stack } from "aws-cdk-lib";
import { Bucket } from "aws-cdk-lib/aws-s3";
import { afterAll, describe, expect, test } from "vitest";
import { clean, synthesise } from "./synthesised.ts";

const made = synthesise({ fleet: "on" });
afterAll(() => clean(made));

const REASON_LENGTH_MIN = 40;

describe("cdk-nag, AwsSolutions and Serverless", () => {
  test("SECURITY 1–7, 9–11, 13: finds nothing, in the fleet neither", () => {
    expect(made.findings).toEqual([]);
  });

  test("it does look: a bare bucket is found", () => {
    const spoil = (app: App) => void new Bucket(new Stack(app, "Spoiled"), "Bare");
    expect(() => synthesise({}, spoil)).toThrow(/AwsSolutions-S1.*AwsSolutions-S10/s);
  });

  test("every finding that stands has a reason", () => {
    const rules = Map.groupBy(made.acknowledged, ({ id }) => id.replace(/^Annotation::|\[.*$/g, ""));
    for (const [rule, found] of rules) process.stdout.write(`  ${rule}: ${found.length} acknowledged\n`);
    for (const { id, reason } of made.acknowledged) expect(reason.length, id).toBeGreaterThan(REASON_LENGTH_MIN);
  });
});

describe("cfn-lint", () => {
  const cfnLint = findCfnLint();

  test.skipIf(cfnLint === undefined)("SECURITY 9, 10, 13: finds nothing in any template", () => {
    const templates = Object.keys(made.templates).map((name) => join(made.folder, "out", `${name}.template.json`));
    // W3005: the CDK names a function's role as a dependency that its use implies.
    const args = ["--ignore-checks", "W3005", "--", ...templates];
    const { status, stdout, stderr } = spawnSync(cfnLint ?? "", args, { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test.runIf(cfnLint === undefined)("is not here: .ci/run installs it where Python can", () => {
    process.stdout.write("cfn-lint did not look at the templates: it is not installed\n");
  });
});

/** This machine's, or the one that `.ci/run` put beside the packages. */
function findCfnLint(): string | undefined {
  const installed = fileURLToPath(new URL("../../node_modules/.cache/cfn-lint/bin/cfn-lint", import.meta.url));
  return [installed, "cfn-lint"].find((name) => spawnSync(name, ["--version"]).status === 0);
}
