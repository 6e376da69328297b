import { TOKEN_FILE_BYTES_MAX } from "../shared/domain/limits.ts";
import type { Clock } from "../shared/lib/clock.ts";
import { fileTrouble } from "../shared/lib/file-trouble.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { parseJson } from "../shared/lib/parse-json.ts";
import { readTextFile, tellTextTrouble } from "../shared/lib/read-text-file.ts";
import type { RequestMeter } from "../shared/lib/request-meter.ts";
import type { Client } from "../shared/protocol/client.ts";
import { type Session, sessionReply } from "../shared/protocol/leases.ts";
import type { Emit } from "./events.ts";
import type { OpenOfferQueue } from "./offer-queue.ts";
import { NotNowError } from "./options.ts";
import { RENEW_SHARE, type SessionKeeper, sayGoodbye } from "./session.ts";

/** The session that the host's service opened for this process. Throws NotNowError where there is none: another start may have one. */
export async function readSessionFile(file: string): Promise<Session> {
  let text: string;
  try {
    text = await readTextFile(file, { bytesMax: TOKEN_FILE_BYTES_MAX, streams: true });
  } catch (cause) {
    throw new NotNowError(`--session-file: ${tellTextTrouble(file, cause, fileTrouble)}`, { cause });
  }
  const session = sessionReply.safeParse(parseJson(text));
  if (session.success) return session.data;
  throw new NotNowError(
    `--session-file: ${file} holds no session; the host's service says why (journalctl -u baton-host)`,
  );
}

/**
 * Keeps a session that nothing here could open again: this process has no other credential (SECURITY 23). When its time is over, or it
 * does not work any more, there is none, and the runner ends.
 */
export function keepGivenSession(deps: {
  readonly session: Session;
  readonly client: Client;
  readonly openOfferQueue: OpenOfferQueue;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly meter: RequestMeter;
  readonly pools: readonly string[];
  readonly slots: number;
}): SessionKeeper {
  const { session, clock, emit } = deps;
  const overAtMs = clock.monotonicMs() + session.expiresInMs * RENEW_SHARE;
  const onTrouble = (error: unknown) => emit({ type: "trouble", message: messageOf(error) });
  const open = { session, queue: deps.openOfferQueue(session, onTrouble, deps.meter) };
  let isOver = false;
  emit({ type: "ready", runnerId: session.runnerId, pools: deps.pools, slots: deps.slots });

  return {
    async current() {
      if (!isOver && clock.monotonicMs() < overAtMs) return open;
      if (!isOver) emit({ type: "draining", reason: "its session is over", running: 0 });
      isOver = true;
      return undefined;
    },
    invalidate() {
      if (!isOver) emit({ type: "draining", reason: "its session does not work", running: 0 });
      isOver = true;
    },
    flush: () => open.queue.flush(),
    close: () => sayGoodbye(deps.client, session, {}, emit),
  };
}
