import { createServer, connect as openSocket, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Dice } from "./dice.ts";

/** The network between runners and the control plane: a TCP proxy that can be cut, slow, or reset what passes. */

/** `reset`: a connection breaks now and then, as often before a request arrives as before its answer does. */
export type NetworkMode = "pass" | "cut" | "slow" | "reset";

export interface Network {
  readonly url: string;
  mode: NetworkMode;
  /** Lease tokens that went by, by `<run>/<job>/<fence>`: what an eavesdropper, or a runner that wakes up, would have. */
  readonly leaseTokens: ReadonlyMap<string, string>;
  /** Breaks every connection once. */
  breakAll(): void;
  close(): Promise<void>;
}

const SLOW_MS_LEAST = 200;
const SLOW_MS_MOST = 1_500;
const RESET_SHARE = 0.08;
const LEASE_CALL = /POST \/v1\/runs\/(\w+)\/jobs\/([\w-]+)\/leases\/(\d+)\/[\s\S]*?authorization: Bearer (\S+)/gi;

export async function startNetwork(targetPort: number, dice: Dice): Promise<Network> {
  const sockets = new Set<Socket>();
  const leaseTokens = new Map<string, string>();
  const network = { url: "", mode: "pass" as NetworkMode, leaseTokens, breakAll, close };

  const server = createServer((client) => {
    sockets.add(client);
    client.once("close", () => sockets.delete(client));
    client.on("error", () => client.destroy());
    if (network.mode === "cut") {
      client.destroy();
      return;
    }
    const upstream = openSocket(targetPort, "127.0.0.1");
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    upstream.on("error", end).once("close", end);
    client.once("close", end);
    carry(client, upstream, overhear, end);
    carry(upstream, client, () => undefined, end);
  });

  function overhear(bytes: Buffer): void {
    for (const [, run, job, fence, token = ""] of bytes.toString("latin1").matchAll(LEASE_CALL))
      leaseTokens.set(`${run}/${job}/${fence}`, token);
  }

  /** In order, one piece after the other. */
  function carry(from: Socket, to: Socket, heard: (bytes: Buffer) => void, end: () => void): void {
    let before = Promise.resolve();
    from.on("data", (bytes: Buffer) => {
      heard(bytes);
      const breaks = network.mode === "cut" || (network.mode === "reset" && dice.share() < RESET_SHARE);
      if (breaks) {
        end();
        return;
      }
      const lateMs = network.mode === "slow" ? dice.between(SLOW_MS_LEAST, SLOW_MS_MOST) : 0;
      before = before.then(async () => {
        if (lateMs > 0) await wait(lateMs);
        if (!to.destroyed) to.write(bytes);
      });
    });
  }

  function breakAll(): void {
    for (const socket of sockets) socket.destroy();
  }

  async function close(): Promise<void> {
    breakAll();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }

  network.url = `http://127.0.0.1:${await listen(server)}`;
  return network;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address !== null && typeof address === "object") resolve(address.port);
      else reject(new Error("the proxy has no port"));
    });
  });
}
