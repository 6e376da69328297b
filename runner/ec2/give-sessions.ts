import { createServer, type Server, type Socket } from "node:net";
import { messageOf } from "../../shared/lib/message-of.ts";
import { removeFileNow } from "../../shared/lib/remove-tree.ts";
import { backoffMs } from "../../shared/lib/retry.ts";
import type { Session } from "../../shared/protocol/leases.ts";
import { wait } from "../wait.ts";
import type { HostOptions } from "./host-options.ts";

/** After failures the answer, which is none, comes ever later: systemd starts the runner again at once. */
const RETRY_POLICY = { triesMax: Number.POSITIVE_INFINITY, baseMs: 1_000, capMs: 20_000 } as const;

/**
 * Gives a new session to each connection, as JSON, and nothing where none could be opened: systemd's LoadCredential reads
 * such a socket at each start of a unit (systemd.exec(5)). Root alone connects.
 */
export async function giveSessions(deps: {
  readonly socket: HostOptions["socket"];
  readonly open: () => Promise<Session>;
  readonly say: (line: string) => void;
}): Promise<{ close(): void }> {
  let failures = 0;
  const closing = new AbortController();

  async function give(connection: Socket): Promise<void> {
    try {
      const session = await deps.open();
      failures = 0;
      deps.say(`session ${session.runnerId} was opened`);
      connection.end(JSON.stringify(session));
    } catch (error) {
      failures += 1;
      deps.say(`no session could be opened: ${messageOf(error)}`);
      await wait(backoffMs(RETRY_POLICY, failures), closing.signal);
      connection.end();
    }
  }

  // One after the other: proofs of one second are one.
  let turn = Promise.resolve();
  // Half open: systemd says at once that it will send nothing, and then waits.
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connection.on("error", (error) => deps.say(`a session was not taken: ${messageOf(error)}`));
    turn = turn.then(() => give(connection));
  });
  await listen(server, deps.socket);
  return {
    close() {
      closing.abort();
      server.close();
    },
  };
}

/** A socket of ours is for its user alone; systemd's has the mode that its unit says. */
async function listen(server: Server, socket: HostOptions["socket"]): Promise<void> {
  // Of a service that was killed.
  if (typeof socket === "string") removeFileNow(socket);
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(socket, resolve);
    });
  } finally {
    process.umask(mask);
  }
}
