import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ACCOUNT_ID, AWS_REGION } from "../names.ts";
import { type Program, runProgram } from "./run-program.ts";

/** The CDK's command, as an operator uses it, on one synthesised assembly. */

export interface CdkGround extends Omit<Program, "command" | "args" | "cwd"> {
  /** Where `cdk.json` is. */
  readonly root: string;
  /** A folder for the assembly and the outputs. */
  readonly folder: string;
  /** Where it deploys to. */
  readonly endpoint: string;
}

const POOLS = ["default", "probes"] as const;

const assemblyOf = ({ folder }: CdkGround) => join(folder, "assembly");

function cdk({ root, folder, endpoint, ...run }: CdkGround, cwd: string, ...args: string[]): Promise<string> {
  return runProgram({ ...run, command: join(root, "node_modules", ".bin", "cdk"), args, cwd });
}

/** Bundles and synthesises, with cdk-nag's rules: once for all that follows. */
export async function synthesise(ground: CdkGround, settings: Readonly<Record<string, string>>): Promise<void> {
  const context = Object.entries({ retain: "off", pools: POOLS.join(","), awsEndpoint: ground.endpoint, ...settings });
  const given = context.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  await cdk(ground, ground.root, "synth", "--quiet", "--output", assemblyOf(ground), ...given);
}

/** The CDK's own stack. From a folder without an app: with one, the whole app would be synthesised again. */
export async function bootstrapToolkit(ground: CdkGround): Promise<void> {
  await cdk(ground, ground.folder, "bootstrap", `aws://${ACCOUNT_ID}/${AWS_REGION}`);
}

/** Not a URL's pattern: an emulator's host name may end in an address, which no URL may. */
const API_URL = /^https?:\/\/([a-z0-9]+)\./;
const outputsSchema = z.object({
  BatonControl: z.object({ ApiUrl: z.string().regex(API_URL), AdminFunctionName: z.string() }),
});

export interface Deployed {
  /** The HTTP API, at an address that needs no name to be resolved. */
  readonly url: string;
  readonly adminFunction: string;
}

/** Deploys every stack of the assembly. */
export async function deployStacks(ground: CdkGround): Promise<Deployed> {
  const file = join(ground.folder, "outputs.json");
  const args = ["--all", "--require-approval", "never", "--outputs-file", file, "--concurrency", "2"];
  await cdk(ground, ground.folder, "deploy", "--app", assemblyOf(ground), ...args);
  const { BatonControl } = outputsSchema.parse(JSON.parse(await readFile(file, "utf8")));
  const apiId = API_URL.exec(BatonControl.ApiUrl)?.[1] ?? "";
  return {
    url: `${ground.endpoint}/_aws/execute-api/${apiId}/$default`,
    adminFunction: BatonControl.AdminFunctionName,
  };
}

/** Deletes every stack of the assembly. */
export async function destroyStacks(ground: CdkGround): Promise<void> {
  await cdk(ground, ground.folder, "destroy", "--app", assemblyOf(ground), "--all", "--force");
}
