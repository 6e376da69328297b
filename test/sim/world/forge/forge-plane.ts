import { generateKeyPairSync } from "node:crypto";
import type { ScheduledEvent } from "aws-lambda";
import type { FunctionDeps } from "../../../../functions/deps.ts";
import { makeGithubForge } from "../../../../functions/forges/github/github-forge.ts";
import { reportLambda } from "../../../../functions/report-calls.ts";
import { sweepLambda } from "../../../../functions/sweep-call.ts";
import { projectBody } from "../../../../shared/protocol/projects.ts";
import { FUNCTIONS } from "../../../../shared/resources.ts";
import type { ProjectItem } from "../../../../shared/store/items.ts";
import { projectItemKey } from "../../../../shared/store/keys.ts";
import { ITEM_VERSION } from "../../../../shared/store/migrate.ts";
import { bindSecret } from "../../../../shared/usecases/bound-secret.ts";
import type { Forge } from "../../../../shared/usecases/forge.ts";
import type { ReportDeps } from "../../../../shared/usecases/report-deps.ts";
import { forgeSecretPath, webhookSecretPath } from "../../../../shared/usecases/secret-paths.ts";
import type { SweepDeps } from "../../../../shared/usecases/sweep-deps.ts";
import { memorySecrets } from "../../../support/memory-secrets.ts";
import type { Actor } from "../../engine/actor.ts";
import { oneOf } from "../../engine/dice.ts";
import type { Simulation } from "../../engine/simulation.ts";
import { SIM_TENANT } from "../planned-runs.ts";
import { APP_ID, OLD_NAME, type SimForge, TOKEN } from "./sim-forge.ts";
import { WEBHOOK_SECRET } from "./webhooks.ts";

/** What the control plane knows of a forge: one project with its credentials, and the real client over simulated HTTP. */

export const PROJECT = "shop";
export const PUBLIC_URL = "https://baton.sim";
const HOST = "api.github.com";
const API_URL = `https://${HOST}`;
const FORGE_TIMEOUT_MS = 8_000;
const SECOND_MS = 1_000;
/** Of what a runner would clone: over ssh, so that no lease asks the forge for a token. */
const CLONE_URL = `ssh://git@github.com/${OLD_NAME}.git`;
/** Short, since nobody verifies what it signs, and each process of a world signs anew. */
const KEY_BITS = 1_024;
const PRIVATE_KEY = generateKeyPairSync("rsa", { modulusLength: KEY_BITS })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

export interface ForgeWorld {
  readonly forge: SimForge;
  readonly project: ProjectItem;
}

export function makeProject(sim: Simulation, pools: readonly [string, ...string[]]): ProjectItem {
  const dice = sim.dice("project");
  const credentials = oneOf(dice, ["app", "app", "token"]);
  const body = projectBody.parse({
    name: PROJECT,
    forge: { kind: "github", repository: OLD_NAME, apiUrl: API_URL, cloneUrl: CLONE_URL, credentials },
    forks: { mode: dice() < 0.5 ? "approve" : "run", pool: oneOf(dice, pools) },
    reports: { mode: "checks", comment: dice() < 0.7 },
  });
  const createdAtMs = sim.spawn("founder").clock.nowMs();
  return {
    ...projectItemKey(SIM_TENANT, PROJECT),
    v: ITEM_VERSION,
    tenant: SIM_TENANT,
    family: "project",
    ...body,
    hasCloneToken: false,
    createdAtMs,
    updatedAtMs: createdAtMs,
  };
}

export function makeProjectSecrets({ forge }: ProjectItem) {
  const app = JSON.stringify({ appId: APP_ID, privateKey: PRIVATE_KEY, installationId: 5 });
  return memorySecrets(
    new Map([
      [forgeSecretPath(PROJECT), bindSecret(forge.apiUrl, forge.credentials === "app" ? app : TOKEN)],
      [webhookSecretPath(PROJECT, "0"), WEBHOOK_SECRET],
    ]),
  );
}

/** The real client, anew in each process: what one of them remembers no other knows. */
export function forgeOfEachProcess(
  sim: Simulation,
  { secrets, clock, log }: Pick<FunctionDeps, "secrets" | "clock" | "log">,
): Forge {
  const clients = new WeakMap<Actor, Forge>();
  const client = () => {
    const known = clients.get(sim.current());
    if (known !== undefined) return known;
    const made = makeGithubForge({ hosts: [HOST], secrets, clock, log, timeoutMs: FORGE_TIMEOUT_MS });
    clients.set(sim.current(), made);
    return made;
  };
  return new Proxy({} as Forge, {
    get: (_, name: keyof Forge) => {
      return (...args: unknown[]) => (client()[name] as (...args: unknown[]) => unknown)(...args);
    },
  });
}

export const FORGE_HOSTS = [HOST];

/** The functions that only a world with a forge has. */
export function forgeLambdas(sim: Simulation, deps: FunctionDeps & SweepDeps & ReportDeps) {
  const report = reportLambda(deps);
  const sweep = sweepLambda(deps);
  return {
    report: (event: Parameters<typeof report>[0]) => report(event, {} as never),
    sweep: () => {
      const untilMs = sim.nowMs() + FUNCTIONS.sweep.timeoutSeconds * SECOND_MS;
      return sweep({} as ScheduledEvent, { getRemainingTimeInMillis: () => untilMs - sim.nowMs() } as never);
    },
  };
}
