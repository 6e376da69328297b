import type { App } from "aws-cdk-lib";
import type { FunctionBundle } from "./bundle-functions.ts";
import type { RunnerArchive } from "./pack-runner.ts";
import type { Settings } from "./settings.ts";
import { BatonControl } from "./stacks/baton-control.ts";
import { BatonData } from "./stacks/baton-data.ts";
import { BatonFleet } from "./stacks/baton-fleet.ts";
import { BatonWatch } from "./stacks/baton-watch.ts";

export interface StackParts {
  readonly settings: Settings;
  readonly bundles: readonly FunctionBundle[];
  /** What a fleet's hosts run; absent where there is no fleet. */
  readonly archive: RunnerArchive | undefined;
}

/** Every stack that the settings ask for. */
export function makeStacks(app: App, { settings, bundles, archive }: StackParts): void {
  const data = new BatonData(app, "BatonData", { settings });
  const control = new BatonControl(app, "BatonControl", { settings, data, bundles });
  if (settings.watch === "on") new BatonWatch(app, "BatonWatch", { settings, data, control });
  if (archive !== undefined) new BatonFleet(app, "BatonFleet", { settings, data, control, archive });
}
