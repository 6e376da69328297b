import { join } from "node:path";
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { bundleFunctions } from "./bundle-functions.ts";
import { makeStacks } from "./make-stacks.ts";
import { packRunner } from "./pack-runner.ts";
import { readSettings } from "./settings.ts";

/** What `cdk` runs: bundles the functions, describes the stacks, and has cdk-nag look at them. */

const app = new App();
const settings = readSettings(app.node);
// On stderr: what the CDK prints of an app may be a template.
process.stderr.write("bundling the functions …\n");
const bundles = await bundleFunctions(join(app.outdir, "functions"));
const archive = settings.fleet === "on" ? await packRunner(join(app.outdir, "runner")) : undefined;
process.stderr.write("describing the stacks, with cdk-nag …\n");
makeStacks(app, { settings, bundles, archive });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
app.synth();
