import type { Simulation } from "../../engine/simulation.ts";
import type { Faults, ForgeHappening } from "../../faults.ts";
import { FORGE_PROFILE } from "./forge-profile.ts";
import { OLD_NAME, type SimForge } from "./sim-forge.ts";
import type { Webhooks } from "./webhooks.ts";

const NEW_NAME = "acme/store";

const isBorne: Record<ForgeHappening["kind"], boolean> = {
  "forge is down": true,
  "forge refuses the credentials": FORGE_PROFILE.credentialsBreak,
  "repository is renamed": FORGE_PROFILE.renames,
};

/** Lets happen to the forge what the faults say, and undoes it in time; a new name stays. */
export function letHappenToForge(sim: Simulation, faults: Faults, forge: SimForge, hooks: Webhooks): void {
  for (const happening of faults.forgeHappenings.filter(({ kind }) => isBorne[kind]))
    sim.world(happening.atMs, happening.kind, () => {
      faults.note(happening);
      happen(sim, forge, hooks, happening);
    });
}

function happen(sim: Simulation, forge: SimForge, hooks: Webhooks, { kind, lastsMs }: ForgeHappening): void {
  const later = (undo: () => void) => void sim.world(lastsMs, `${kind} no more`, undo);
  switch (kind) {
    case "forge is down":
      forge.isDown = true;
      later(() => {
        forge.isDown = false;
      });
      break;
    case "forge refuses the credentials":
      forge.areCredentialsRefused = true;
      later(() => {
        forge.areCredentialsRefused = false;
      });
      break;
    case "repository is renamed":
      if (forge.name() !== OLD_NAME) break;
      forge.rename(NEW_NAME);
      hooks.renamed("shop");
      break;
  }
}
