import { DomainError } from "../domain/errors.ts";
import { deliveryKey } from "../store/keys.ts";
import type { DeliveryDeps } from "./trigger-deps.ts";

/** What people see of a delivery. Throws `not_found`: it never came, its signature did not hold, or it is over 7 days old. */
export async function readDelivery(deps: DeliveryDeps, project: string, deliveryId: string) {
  const ref = { tenant: deps.settings.tenant, forge: "github", project, deliveryId } as const;
  const item = await deps.triggers.getDelivery(deliveryKey(ref));
  if (item === undefined) throw new DomainError("not_found", `project ${project} has no delivery ${deliveryId}`);
  const { event, state, receivedAtMs, endedAtMs, reason, decisions = [], history } = item;
  return { id: deliveryId, event, state, receivedAtMs, endedAtMs, reason, decisions, history };
}
