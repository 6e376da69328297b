import { ApiError, makeClient } from "../../../../shared/protocol/client.ts";
import type { RunItem } from "../../../../shared/store/items.ts";
import { deliveryKey } from "../../../../shared/store/keys.ts";
import type { Actor } from "../../engine/actor.ts";
import type { Simulation } from "../../engine/simulation.ts";
import type { Faults } from "../../faults.ts";
import type { ControlPlane } from "../control-plane.ts";
import { SIM_TENANT } from "../planned-runs.ts";
import { CONTROL_PLANE_URL } from "../sim-runner.ts";
import { insist } from "../sim-user.ts";
import { PROJECT } from "./forge-plane.ts";
import type { Webhooks } from "./webhooks.ts";

/** Whoever looks after a project: approves or cancels what waits, cancels and runs again, and has webhooks sent again. */
export interface Operator {
  /** What is still to be done. */
  readonly busy: number;
  /** Runs that were canceled by hand. */
  readonly canceled: ReadonlySet<string>;
}

export interface OperatorDeps {
  readonly sim: Simulation;
  readonly faults: Faults;
  readonly plane: ControlPlane;
  readonly token: string;
  readonly hooks: Webhooks;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const CANCEL_SHARE = 0.08;
const RERUN_SHARE = 0.1;
const APPROVE_SHARE = 0.75;
const DECIDES_MS_MAX = 3 * MINUTE_MS;
/** How long after the last fault the list of failed deliveries is looked through. */
const REDELIVER_AFTER_MS = 20 * SECOND_MS;

export function startOperator(deps: OperatorDeps): Operator {
  const { sim, plane, faults } = deps;
  const actor = sim.spawn("operator of the project");
  const canceled = new Set<string>();
  const self = { busy: 0, canceled };
  const client = makeClient({
    url: CONTROL_PLANE_URL,
    token: deps.token,
    exchange: plane.network({ cutOff: false }),
  });

  function later(ms: number, label: string, act: () => Promise<unknown>): void {
    self.busy += 1;
    sim.at(actor, ms, label, () => {
      act()
        .catch((error: unknown) => {
          // Somebody else was faster, or there is nothing to do any more.
          if (!(error instanceof ApiError) || error.status >= 500) sim.fail(error);
        })
        .finally(() => {
          self.busy -= 1;
        });
    });
  }

  const cancel = (runId: string) => {
    canceled.add(runId);
    return insist(() => client.call("cancelRun", { params: { run: runId }, body: {} }));
  };
  const approve = ({ runId, approval }: RunItem) =>
    insist(() => client.call("approveRun", { params: { run: runId }, body: { sha: approval?.sha ?? "" } }));
  const rerun = (runId: string, only: "all" | "failed") =>
    insist(() =>
      client.call("rerunRun", {
        params: { run: runId },
        body: { only },
        headers: { "idempotency-key": `again ${runId}` },
      }),
    );

  function seeNew(run: RunItem): void {
    const dice = sim.dice(`operator sees ${run.runId}`);
    const waitMs = dice() * DECIDES_MS_MAX;
    if (run.approval !== undefined && run.approval.atMs === undefined)
      later(waitMs, "operator decides", () => (dice() < APPROVE_SHARE ? approve(run) : cancel(run.runId)));
    else if (dice() < CANCEL_SHARE) later(waitMs * dice(), "operator cancels", () => cancel(run.runId));
  }

  plane.table.watch(({ before, after }) => {
    if (after["family"] !== "run") return;
    const run = after as unknown as RunItem;
    if (before === undefined) seeNew(run);
    else if (before["endedAtMs"] === undefined && run.endedAtMs !== undefined && run.rerunOf === undefined) {
      const dice = sim.dice(`operator sees the end of ${run.runId}`);
      if (dice() < RERUN_SHARE)
        later(dice() * DECIDES_MS_MAX, "operator runs again", () => rerun(run.runId, dice() < 0.5 ? "failed" : "all"));
    }
  });

  later(faults.healAtMs + REDELIVER_AFTER_MS, "operator looks at deliveries", async () => redeliver(deps, actor));
  return self;
}

/** What the forge's list shows as failed, and what Baton's shows so. */
function redeliver({ hooks, plane }: OperatorDeps, { dice }: Actor): void {
  const diligent = dice() < 0.5;
  for (const webhook of hooks.sent) {
    const ref = { tenant: SIM_TENANT, forge: "github", project: PROJECT, deliveryId: webhook.id } as const;
    const state = plane.table.get(deliveryKey(ref))?.["state"];
    const isRefused = webhook.status !== undefined && webhook.status >= 300;
    if (state === "failed" || (isRefused && diligent) || (dice() < 0.05 && webhook.status !== undefined))
      hooks.redeliver(webhook);
  }
}
