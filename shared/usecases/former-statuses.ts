import type { OutboxItem } from "../store/report-items.ts";
import type { Parcel } from "./drive-outbox.ts";
import { renderStatus, type Showing } from "./render-status.ts";
import type { WantedStatus } from "./report-statuses.ts";
import { surfaceOf } from "./reported.ts";
import { digest } from "./specs.ts";
import { formerStatusName } from "./status-name.ts";

/**
 * Names before the file was told in them (ADR 81). A run that had shown some when Baton was upgraded keeps them up to date until it
 * ends, beside the new names: nothing stays pending for ever, and a rule that names an old one gets its answer.
 */
export function formerParcels(showing: Showing, wanted: readonly WantedStatus[], { sent }: OutboxItem): Parcel[] {
  const { deps, project, run } = showing;
  const isFormer = Object.keys(sent).some((key) => key.startsWith(run.runId));
  if (!isFormer) return [];
  return wanted.map((status) => {
    const former = { ...status, name: formerStatusName(run, status.check) };
    const key = formerKey(run.runId, status);
    const seen = [surfaceOf(project), former.name, status.state, status.conclusion, status.title];
    return {
      key,
      digest: digest(JSON.stringify(seen)),
      async send(externalId) {
        return deps.forge.putStatus(project, { ...(await renderStatus(showing, former)), key }, externalId);
      },
    };
  });
}

/** What waited for an approval was another check run than what came after it. */
function formerKey(runId: string, { check, conclusion }: WantedStatus): string {
  const key = check === undefined ? runId : `${runId}/${check}`;
  return conclusion === "action_required" ? `${key}/approval` : key;
}
