import { createServer, type IncomingHttpHeaders } from "node:http";

export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server on loopback that keeps what it hears and answers as it is told. */
export interface HttpRecorder {
  readonly url: string;
  readonly heard: Heard[];
  stop(): Promise<void>;
}

export async function startHttpRecorder(answer: (heard: Heard) => Answer | Promise<Answer>): Promise<HttpRecorder> {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = "", url: path = "", headers } = request;
    const one = { method, path, headers, body: Buffer.concat(parts).toString() };
    heard.push(one);
    const { status, body = "", headers: answered = {} } = await answer(one);
    response.writeHead(status, answered).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address !== "object") throw new Error("the recorder has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    heard,
    async stop() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
