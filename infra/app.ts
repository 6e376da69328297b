import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { bundleFunctions } from "./bundle-functions.ts";
import { makeStacks } from "./make-stacks.ts";
import { readSettings } from "./settings.ts";

/** What `cdk` runs: bundles the functions, describes the stacks, and has cdk-nag look at them. */

const BUNDLES = fileURLToPath(new URL("../cdk.out/functions", import.meta.url));

const app = new App();
makeStacks(app, readSettings(app.node), await bundleFunctions(join(BUNDLES)));
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
app.synth();
