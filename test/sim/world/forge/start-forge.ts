import type { Simulation } from "../../engine/simulation.ts";
import type { Faults } from "../../faults.ts";
import type { ControlPlane } from "../control-plane.ts";
import { type Developers, startDevelopers } from "./developers.ts";
import { letHappenToForge } from "./forge-happenings.ts";
import type { ForgeWorld } from "./forge-plane.ts";
import { type Operator, startOperator } from "./operator.ts";
import { makeWebhooks, type Webhooks } from "./webhooks.ts";

/** A repository with its people, and whoever looks after its project. */
export interface LivingForge extends ForgeWorld {
  readonly hooks: Webhooks;
  readonly developers: Developers;
  readonly operator: Operator;
}

export function startForge(
  sim: Simulation,
  faults: Faults,
  { world, plane, token }: { readonly world: ForgeWorld; readonly plane: ControlPlane; readonly token: string },
): LivingForge {
  const { forge } = world;
  sim.internet = forge.exchange;
  const hooks = makeWebhooks(sim, faults, forge, plane.network({ cutOff: false }));
  const developers = startDevelopers(sim, forge, hooks);
  letHappenToForge(sim, faults, forge, hooks);
  return { ...world, hooks, developers, operator: startOperator({ sim, faults, plane, token, hooks }) };
}
