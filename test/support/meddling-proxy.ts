import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";

/** A control plane that breaks its promises: a proxy before a real one that alters what passes. */

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** Answers a request, asking the real control plane as often as it likes. */
export type Meddle = (asked: Asked, forward: (asked: Asked) => Promise<Answered>) => Promise<Answered>;

export interface MeddlingProxy {
  readonly url: string;
  /** What it does from now on; at first it passes everything. */
  meddle: Meddle;
  stop(): Promise<void>;
}

export const PASS: Meddle = (asked, forward) => forward(asked);

export async function startMeddlingProxy(target: string): Promise<MeddlingProxy> {
  const forward = async ({ method, path, headers, body }: Asked): Promise<Answered> => {
    const response = await fetch(target + path, { method, headers, ...(body === "" ? {} : { body }) });
    return { status: response.status, body: await response.text() };
  };
  const proxy = { url: "", meddle: PASS, stop };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/" } = request;
    const asked = { method, path, headers: passedOn(request.headers), body: await textOf(request) };
    const { status, body } = await proxy.meddle(asked, forward);
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("the proxy has no port");
  proxy.url = `http://127.0.0.1:${address.port}`;
  return proxy;

  async function stop(): Promise<void> {
    server.closeAllConnections();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string> {
  const kept = ["authorization", "content-type", "idempotency-key"];
  return Object.fromEntries(
    kept.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  );
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
