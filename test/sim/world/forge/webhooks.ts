import { createHmac } from "node:crypto";
import type { Exchange } from "../../../../shared/protocol/client.ts";
import type { Actor } from "../../engine/actor.ts";
import type { Simulation } from "../../engine/simulation.ts";
import type { Faults } from "../../faults.ts";
import { CONTROL_PLANE_URL } from "../sim-runner.ts";
import { REPOSITORY_ID, type SimForge } from "./sim-forge.ts";
import { type HeadEvent, SKIP_WORDS } from "./sim-repository.ts";

/** GitHub's webhooks: each is sent once, may be lost, doubled and late, and is sent again when an operator asks for it. */
export interface Webhooks {
  push(event: HeadEvent, before: string | undefined, forced: boolean): void;
  pushDeleted(ref: string, before: string): void;
  pull(
    action: string,
    number: number,
    more?: { readonly event?: HeadEvent; readonly before?: string; readonly changes?: object },
  ): void;
  renamed(from: string): void;
  /** Every delivery there was. */
  readonly sent: readonly SentWebhook[];
  redeliver(sent: SentWebhook): void;
}

export interface SentWebhook {
  readonly id: string;
  readonly event: string;
  readonly body: string;
  /** What it told of; undefined where it starts nothing. */
  readonly head: HeadEvent | undefined;
  /** What was answered last; undefined where nothing was. */
  status: number | undefined;
}

export const WEBHOOK_SECRET = "the secret of the webhook";
const NOBODY = "0".repeat(40);
/** Deliveries of one moment arrive in any order. */
const LATE_MS_MAX = 3_000;
const DELAYED_MS_MAX = 600_000;
/** GitHub gives up after ten seconds. */
const TIMEOUT_MS = 10_000;
const ID_DIGITS = 12;

export function makeWebhooks(sim: Simulation, faults: Faults, forge: SimForge, exchange: Exchange): Webhooks {
  const actor: Actor = sim.spawn("webhooks");
  const sent: SentWebhook[] = [];
  const { state } = forge.repository;
  const about = () => ({
    id: REPOSITORY_ID,
    name: forge.name().split("/")[1],
    full_name: forge.name(),
    pushed_at: Math.floor(forge.nowMs() / 1_000),
  });
  const sender = { login: "somebody" };

  function send(event: string, payload: object, head?: HeadEvent): void {
    const id = `00000000-0000-4000-8000-${String(sent.length + 1).padStart(ID_DIGITS, "0")}`;
    const body = JSON.stringify({ ...payload, repository: about(), sender });
    const webhook: SentWebhook = { id, event, body, head, status: undefined };
    sent.push(webhook);
    const label = `webhook ${sent.length} ${event}`;
    const dice = sim.dice(label);
    sim.tell(() => `${label} is made: ${id} ${head === undefined ? "" : `${head.event} ${head.ref} ${head.sha}`}`);
    if (faults.strikes("webhook is lost", label)) return;
    const late = faults.strikes("webhook is delayed", label) ? dice() * DELAYED_MS_MAX : dice() * LATE_MS_MAX;
    sim.at(actor, late, label, () => post(webhook));
    if (faults.strikes("webhook is doubled", label)) sim.at(actor, dice() * DELAYED_MS_MAX, label, () => post(webhook));
  }

  function post(webhook: SentWebhook): void {
    const { id, event, body } = webhook;
    const signature = createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex");
    const headers = {
      "content-type": "application/json",
      "x-github-delivery": id,
      "x-github-event": event,
      "x-hub-signature-256": `sha256=${signature}`,
    };
    const url = `${CONTROL_PLANE_URL}/v1/webhooks/github/shop`;
    exchange({ method: "POST", url, headers, body }, AbortSignal.timeout(TIMEOUT_MS)).then(
      ({ status }) => {
        webhook.status = status;
      },
      () => undefined,
    );
  }

  return {
    sent,
    push(event, before, forced) {
      const isTag = event.event === "tag";
      const after = isTag ? (state.tags.get(event.ref) ?? event.sha) : event.sha;
      const message = event.skip ? SKIP_WORDS : "a change";
      const payload = {
        ref: `refs/${isTag ? "tags" : "heads"}/${event.ref}`,
        before: before ?? NOBODY,
        after,
        created: before === undefined,
        deleted: false,
        forced,
        head_commit: { id: event.sha, message },
        commits: [{ added: [], removed: [], modified: ["src/a.ts"] }],
      };
      send("push", payload, event);
    },
    pushDeleted(ref, before) {
      const gone = { ref, before, after: NOBODY, created: false, deleted: true, forced: false, head_commit: null };
      send("push", { ...gone, commits: [] });
    },
    pull(action, number, { event, before, changes } = {}) {
      const pull = state.pulls.get(number);
      if (pull === undefined) return;
      const own = { id: REPOSITORY_ID, full_name: forge.name() };
      const repo = forge.repository.forks.has(number) ? { id: 7, full_name: "somebody/fork" } : own;
      const pull_request = { ...pull, head: { ...pull.head, repo }, base: { ...pull.base, repo: own } };
      const more = { ...(before === undefined ? {} : { before }), ...(changes === undefined ? {} : { changes }) };
      send("pull_request", { action, number, pull_request, ...more }, event);
    },
    renamed(from) {
      send("repository", { action: "renamed", changes: { repository: { name: { from } } } });
    },
    redeliver(webhook) {
      sim.at(actor, sim.dice(sim.numbered(`redelivery of ${webhook.id}`))() * LATE_MS_MAX, "redelivery", () =>
        post(webhook),
      );
    },
  };
}
