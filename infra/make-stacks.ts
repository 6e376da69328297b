import type { App } from "aws-cdk-lib";
import type { FunctionBundle } from "./bundle-functions.ts";
import type { Settings } from "./settings.ts";
import { BatonControl } from "./stacks/baton-control.ts";
import { BatonData } from "./stacks/baton-data.ts";

/** Every stack that the settings ask for. */
export function makeStacks(app: App, settings: Settings, bundles: readonly FunctionBundle[]): void {
  const data = new BatonData(app, "BatonData", { settings });
  new BatonControl(app, "BatonControl", { settings, data, bundles });
}
