import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { z } from "zod";
import { makeStacks } from "../../infra/make-stacks.ts";
import { readSettings } from "../../infra/settings.ts";
import { FUNCTIONS, type FunctionName } from "../../shared/resources.ts";

const resource = z.object({
  Type: z.string(),
  DeletionPolicy: z.string().optional(),
  Properties: z.record(z.string(), z.unknown()).default({}),
});
const template = z.object({
  Resources: z.record(z.string(), resource).default({}),
  Outputs: z.record(z.string(), z.unknown()).default({}),
  Parameters: z.record(z.string(), z.unknown()).default({}),
});
export type Resource = z.output<typeof resource>;
export type Template = z.output<typeof template>;

const report = z.object({
  pluginReports: z.array(
    z.object({
      pluginName: z.string(),
      conclusion: z.string(),
      violations: z.array(
        z.object({ ruleName: z.string(), violatingConstructs: z.array(z.object({ constructPath: z.string() })) }),
      ),
    }),
  ),
});

const acknowledgements = z.record(z.string(), z.string());
const cdkJson = z.object({ context: z.record(z.string(), z.unknown()) });

export interface Synthesised {
  readonly folder: string;
  /** By the stack's name. */
  readonly templates: Readonly<Record<string, Template>>;
  /** What cdk-nag and the CDK warn of, with where; for an error they throw. */
  readonly findings: readonly string[];
  /** Acknowledged findings: rule and reason. */
  readonly acknowledged: readonly { readonly id: string; readonly reason: string }[];
  readonly app: App;
}

/**
 * The stacks as `cdk synth` makes them, with the settings given, but with functions and a runner that are one line each.
 * Throws what cdk-nag found.
 */
export function synthesise(
  context: Readonly<Record<string, string>> = {},
  spoil: (app: App) => void = () => {},
): Synthesised {
  const folder = mkdtempSync(join(tmpdir(), "baton-infra-"));
  const flags = cdkJson.parse(JSON.parse(readFileSync(new URL("../../cdk.json", import.meta.url), "utf8"))).context;
  const app = new App({ outdir: join(folder, "out"), context: { ...flags, ...context } });
  const settings = readSettings(app.node);
  const bundles = (Object.keys(FUNCTIONS) as FunctionName[]).map((name) => {
    const code = join(folder, name);
    mkdirSync(code);
    writeFileSync(join(code, "index.mjs"), "export const handler = () => {};\n");
    return { name, folder: code, bytes: 0, sha256: name.padEnd(64, "0") };
  });
  const file = join(folder, "baton-runner.tgz");
  writeFileSync(file, "");
  const archive = settings.fleet === "on" ? { file, sha256: "f".repeat(64) } : undefined;
  makeStacks(app, { settings, bundles, archive });
  spoil(app);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  const assembly = app.synth();
  return {
    folder,
    app,
    templates: Object.fromEntries(
      assembly.stacks.map(({ stackName, templateFullPath }) => [
        stackName,
        template.parse(JSON.parse(readFileSync(templateFullPath, "utf8"))),
      ]),
    ),
    findings: report
      .parse(JSON.parse(readFileSync(join(assembly.directory, "validation-report.json"), "utf8")))
      .pluginReports.flatMap(({ violations }) =>
        violations.flatMap(({ ruleName, violatingConstructs }) =>
          violatingConstructs.map(({ constructPath }) => `${ruleName} at ${constructPath}`),
        ),
      ),
    acknowledged: app.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(acknowledgements.parse(data)).map(([id, reason]) => ({ id, reason }))),
  };
}

export function clean({ folder }: Synthesised): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Every resource of a type, of all stacks, by its logical id. */
export function resourcesOf(made: Synthesised, type: string): Readonly<Record<string, Resource>> {
  const all = Object.values(made.templates).flatMap(({ Resources }) => Object.entries(Resources));
  return Object.fromEntries(all.filter(([, { Type }]) => Type === type));
}
