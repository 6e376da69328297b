import type { Clock } from "../shared/lib/clock.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import { backoffMs } from "../shared/lib/retry.ts";
import { ApiError, type Client } from "../shared/protocol/client.ts";
import type { Session } from "../shared/protocol/leases.ts";
import type { Emit } from "./events.ts";
import { isPassing } from "./lease-calls.ts";
import type { OfferQueue, OpenOfferQueue } from "./offer-queue.ts";
import { wait } from "./wait.ts";

/** When of its life a session is renewed. */
export const RENEW_SHARE = 0.8;
const OPEN_POLICY = { triesMax: Number.POSITIVE_INFINITY, baseMs: 200, capMs: 10_000 } as const;

export interface OpenSession {
  readonly session: Session;
  readonly queue: OfferQueue;
}

/** The control plane does not want this runner: its token is wrong, or may not run jobs. */
export class RejectedError extends Error {
  override readonly name = "RejectedError";
}

/** Keeps one session open for all that need it. */
export interface SessionKeeper {
  /** The session, renewed when due, waiting while the control plane is away. Undefined once the signal came. */
  current(signal: AbortSignal): Promise<OpenSession | undefined>;
  /** It did not work: open another before the next use. Its queues may have moved with a restarted stack. */
  invalidate(failed: OpenSession): void;
  /** Waits for what the session still has to send. */
  flush(): Promise<void>;
  /** Says that this runner goes, once, where it was there at all: a control plane that does not answer sees it from its absence. */
  close(): Promise<void>;
}

export function keepSession(options: {
  readonly client: Client;
  readonly openOfferQueue: OpenOfferQueue;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly meter: RequestMeter;
  readonly name: string;
  readonly pools: readonly string[];
  readonly slots: number;
  /** Where offers are taken; the queue unless said. */
  readonly poll?: "queue" | "api";
  /** Sessions that are good for one claim. */
  readonly ephemeral?: boolean;
}): SessionKeeper {
  const { client, clock, emit } = options;
  let open: OpenSession | undefined;
  let renewAtMs = Number.NEGATIVE_INFINITY;
  let opening: Promise<OpenSession | undefined> | undefined;
  let firstSession: string | undefined;
  let reached = true;
  const request = {
    name: options.name,
    pools: [...options.pools],
    slots: options.slots,
    // Named only where they are asked for: an older control plane knows neither.
    ...(options.poll === "api" ? { poll: "api" as const } : {}),
    ...(options.ephemeral === true ? { ephemeral: true } : {}),
  };

  async function openOnce(): Promise<OpenSession> {
    const sentAtMs = clock.monotonicMs();
    const body = firstSession === undefined ? request : { ...request, firstSession };
    const session = await client.call("openSession", { body });
    firstSession ??= session.runnerId;
    // The same connection goes on with the new credentials, so that a poll in flight is not lost.
    const queue =
      open?.queue.renew(session) === true ? open.queue : options.openOfferQueue(session, onTrouble, options.meter);
    if (open === undefined) announce(session);
    renewAtMs = sentAtMs + session.expiresInMs * RENEW_SHARE;
    open = { session, queue };
    return open;
  }

  function announce({ runnerId }: Session): void {
    emit({ type: "ready", runnerId, pools: options.pools, slots: options.slots });
  }

  function onTrouble(error: unknown): void {
    emit({ type: "trouble", message: messageOf(error) });
  }

  async function openUntilAnswered(signal: AbortSignal): Promise<OpenSession | undefined> {
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        const session = await openOnce();
        if (!reached) emit({ type: "reachable", what: client.url });
        reached = true;
        return session;
      } catch (error) {
        if (!isPassing(error)) throw rejected(error);
        if (reached) emit({ type: "unreachable", what: client.url, message: messageOf(error) });
        reached = false;
        await wait(backoffMs(OPEN_POLICY, attempt), signal);
      }
    }
    return undefined;
  }

  return {
    async current(signal) {
      if (open !== undefined && clock.monotonicMs() < renewAtMs) return open;
      opening ??= openUntilAnswered(signal).finally(() => {
        opening = undefined;
      });
      return opening;
    },
    invalidate(failed) {
      if (failed === open) renewAtMs = Number.NEGATIVE_INFINITY;
    },
    flush: async () => open?.queue.flush(),
    async close() {
      if (open === undefined) return;
      const { runnerId } = open.session;
      const body = firstSession === undefined || firstSession === runnerId ? {} : { firstSession };
      await sayGoodbye(client, open.session, body, emit);
    },
  };
}

/** Says that a runner goes. Where that fails, the control plane sees it by its absence. */
export async function sayGoodbye(
  client: Client,
  { sessionToken }: Session,
  body: { readonly firstSession?: string },
  emit: Emit,
): Promise<void> {
  try {
    await client.call("closeSession", { body }, { token: sessionToken });
  } catch (error) {
    // An older control plane knows no such call.
    if (error instanceof ApiError && error.code === "not_found") return;
    emit({ type: "trouble", message: `the control plane does not know that this runner goes: ${messageOf(error)}` });
  }
}

function rejected(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const hint = error.code === "unauthorized" ? "; `baton tokens create --scope runner` makes another" : "";
  return new RejectedError(`the control plane refused this runner: ${error.message}${hint}`, { cause: error });
}
