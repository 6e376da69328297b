import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SelfSigned } from "./self-signed.ts";

export interface GitHttpServer {
  /** A repository's URL is this and its folder's name. */
  readonly url: string;
  /** How many fetches it has served. */
  readonly fetches: () => number;
  close(): Promise<void>;
}

export interface GitHttpOptions {
  readonly version: 0 | 2;
  readonly tls?: SelfSigned;
  /** Refuses whoever does not say this password, with whatever name: as GitHub does for a private repository. */
  readonly isPassword?: (password: string) => boolean;
  /** Called at each request that may have an answer, before it is given. */
  readonly onServing?: () => void;
}

/**
 * Serves the repositories below `root` over git's real smart HTTP protocol (git-http-backend). Protocol version 0, as
 * old servers speak it, hands out only the tips of branches.
 */
export async function startGitHttpServer(root: string, options: GitHttpOptions): Promise<GitHttpServer> {
  let fetches = 0;
  const { tls, isPassword = () => true, onServing } = options;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (!isPassword(passwordOf(request)))
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
    if (request.method === "POST") fetches += 1;
    onServing?.();
    serve(root, options.version, request, response);
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer({ key: tls.key, cert: tls.cert }, answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    fetches: () => fetches,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function passwordOf({ headers }: IncomingMessage): string {
  const [, basic = ""] = /^Basic (.+)$/.exec(headers.authorization ?? "") ?? [];
  return Buffer.from(basic, "base64")
    .toString()
    .replace(/^[^:]*:/, "");
}

function serve(root: string, version: 0 | 2, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const header = (name: string) => String(request.headers[name] ?? "");
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: "/usr/local/bin:/usr/bin:/bin",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: header("content-type"),
      HTTP_CONTENT_ENCODING: header("content-encoding"),
      ...(version === 2 ? { GIT_PROTOCOL: header("git-protocol") } : {}),
    },
  });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => response.destroy());
  const parts: Buffer[] = [];
  backend.stdout.on("data", (chunk: Buffer) => parts.push(chunk));
  backend.on("close", () => {
    const output = Buffer.concat(parts);
    const split = output.indexOf("\r\n\r\n");
    const headers = output.subarray(0, split).toString("latin1").split("\r\n");
    for (const line of headers) {
      const [name = "", value = ""] = line.split(/: (.*)/s);
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else if (name !== "") response.setHeader(name, value);
    }
    response.end(output.subarray(split + 4));
  });
}
