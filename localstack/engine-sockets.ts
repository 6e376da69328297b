import type { ChildProcess } from "node:child_process";
import { Agent } from "node:http";
import { Socket } from "node:net";
import { z } from "zod";

/** Connections to a server in another network namespace, by way of `engine-connector.mjs` in it. */

/** The engine answers in milliseconds; a machine that is busy may need a second. */
const CONNECT_MS = 10_000;
/** As many as the SDK opens by itself. */
const SOCKETS_MAX = 50;

const answer = z.object({ ask: z.int(), error: z.string().optional() });

/** An agent whose sockets the connector makes. `child`: the connector's side of the channel. */
export function connectorAgent(child: ChildProcess): Agent {
  const waiting = new Map<number, (error: Error | null, socket?: Socket) => void>();
  let asked = 0;
  const settle = (ask: number, error: Error | null, socket?: Socket): void => {
    const found = waiting.get(ask);
    waiting.delete(ask);
    if (found === undefined) socket?.destroy();
    else found(error, socket);
  };
  child.on("message", (message, handle) => {
    const { ask, error } = answer.parse(message);
    if (handle instanceof Socket) settle(ask, null, handle.setNoDelay(true));
    else settle(ask, new Error(`the table's engine takes no connection: ${error ?? "no socket came"}`));
  });
  child.once("disconnect", () => {
    for (const ask of [...waiting.keys()]) settle(ask, new Error("the table's engine has ended"));
  });
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  agent.createConnection = (_options, done) => {
    asked += 1;
    const ask = asked;
    const timer = setTimeout(
      () => settle(ask, new Error(`no connection to the table's engine in ${CONNECT_MS} ms`)),
      CONNECT_MS,
    );
    waiting.set(ask, (error, socket) => {
      clearTimeout(timer);
      // Node's types want a stream beside an error, too.
      (done as ((error: Error | null, socket?: Socket) => void) | undefined)?.(error, socket);
    });
    child.send({ ask }, (error) => error !== null && settle(ask, error));
    return undefined;
  };
  return agent;
}
