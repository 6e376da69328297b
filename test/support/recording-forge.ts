import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../shared/lib/clock.ts";
import { type AppIdentity, makeCallers } from "./recording-forge/callers.ts";
import { type FaultChange, makeFaults } from "./recording-forge/faults.ts";
import { type Answered, answerControl, answerRepository } from "./recording-forge/routes.ts";
import { makeRepositoryState, type RepositoryState } from "./recording-forge/state.ts";

/**
 * A GitHub of our own, over real HTTP: it holds commits, branches, pull requests, check runs, statuses and comments, records what
 * is asked, and fails on demand. `recording-forge-main.ts` runs it as a process.
 */
export interface RecordingForge {
  readonly url: string;
  /** As BATON_FORGE_HOSTS names it. */
  readonly host: string;
  readonly requests: RecordedRequest[];
  /** Made with the first mention. */
  repository(name: string): RepositoryState;
  /** Calls that match are answered so, so many times (1 if absent), the oldest rule first. */
  fail(rule: FailureRule): void;
  /** Faults that real forges have. */
  set(fault: FaultChange): void;
  /** No call fails any more; a repository keeps its new name. */
  heal(): void;
  readonly mintedTokens: () => number;
  revokeTokens(): void;
  stop(): Promise<void>;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: unknown;
  /** Absent while it hangs, or where the connection was cut. */
  status?: number;
}

export interface FailureRule {
  readonly method?: string;
  readonly path?: RegExp;
  readonly times?: number;
  /** Calls that match and are let through first. */
  readonly after?: number;
  /**
   * `hang`: no answer. `reset`: the connection is cut before anything happens. `lost`: it happens, and the connection is cut
   * before the answer. Otherwise the answer.
   */
  readonly how:
    | "hang"
    | "reset"
    | "lost"
    | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown };
}

export interface RecordingForgeOptions {
  readonly port?: number;
  /** Logins by token. */
  readonly tokens?: Readonly<Record<string, string>>;
  readonly app?: AppIdentity;
  /** The time of the machine that it runs on. */
  readonly nowMs?: () => number;
}

const REPOSITORY = /^\/repos\/([^/]+\/[^/]+)(\/.*)?$/;
const BY_ID = /^\/repositories\/(\d+)(\/.*)?$/;
const CONTROL = /^\/_forge\/repos\/([^/]+\/[^/]+)(\/.*)?$/;
const BODY_BYTES_MAX = 4 * 1_024 * 1_024;

export async function startRecordingForge(options: RecordingForgeOptions = {}): Promise<RecordingForge> {
  const repositories = new Map<string, RepositoryState>();
  const rules: { rule: FailureRule; left: number; before: number }[] = [];
  const requests: RecordedRequest[] = [];
  const faults = makeFaults(options.nowMs ?? systemClock.nowMs);
  const callers = makeCallers(options.tokens ?? { ghp_test: "baton-bot" }, options.app, faults.nowMs);
  /** Old names, and the ids of what had them. */
  const renamed = new Map<string, number>();
  let repositoriesMade = 0;
  const repository = (name: string) => {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    repositoriesMade += 1;
    const made = makeRepositoryState(name, repositoriesMade);
    repositories.set(name, made);
    renamed.delete(name);
    return made;
  };

  function rename(from: string, to: string): void {
    const state = repository(from);
    state.name = to;
    repositories.delete(from);
    repositories.set(to, state);
    renamed.set(from, state.id);
    renamed.delete(to);
  }

  function set(fault: FaultChange): void {
    faults.set(fault);
    if (fault.renamed !== undefined) rename(fault.renamed.from, fault.renamed.to);
  }

  function heal(): void {
    rules.splice(0);
    faults.heal();
  }

  function nextFailure(method: string, path: string): FailureRule["how"] | undefined {
    const matching = rules.filter(
      ({ rule, left }) => left > 0 && (rule.method ?? method) === method && (rule.path?.test(path) ?? true),
    );
    const found = matching.find(({ before }) => before === 0);
    for (const rule of matching) rule.before = Math.max(0, rule.before - 1);
    if (found === undefined) return undefined;
    found.left -= 1;
    return found.rule.how;
  }

  function control(method: string, { pathname }: URL, body: object): Answered {
    const [, controlled, path = ""] = CONTROL.exec(pathname) ?? [];
    if (controlled !== undefined) return answerControl(repository(controlled), method, path, body);
    if (pathname !== "/_forge/faults") return { status: 404, body: { message: "Not Found" } };
    if (method === "DELETE") heal();
    else set(body);
    return { status: 200, body: {} };
  }

  function answer(method: string, url: URL, request: IncomingMessage, body: object): Answered {
    if (url.pathname.startsWith("/_forge/")) return control(method, url, body);
    const refusal = faults.refusalOf({ method, path: url.pathname, query: url.search, body });
    if (refusal !== undefined) return refusal;
    const authorization = request.headers.authorization ?? "";
    const asApp = callers.answerApp(method, url.pathname, authorization);
    if (asApp !== undefined) return asApp;
    const caller = callers.callerOf(authorization);
    if (caller === undefined) return { status: 401, body: { message: "Bad credentials" } };
    if (url.pathname === "/user" && caller.kind === "user") return { status: 200, body: { login: caller.login } };
    const [, name = "", named = ""] = REPOSITORY.exec(url.pathname) ?? [];
    const [, id, numbered = ""] = BY_ID.exec(url.pathname) ?? [];
    const movedTo = renamed.get(name);
    if (movedTo !== undefined) return moved(method, `/repositories/${movedTo}${named}${url.search}`);
    const state =
      id === undefined ? repositories.get(name) : [...repositories.values()].find((one) => one.id === Number(id));
    const path = id === undefined ? named : numbered;
    if (state === undefined) return { status: 404, body: { message: "Not Found" } };
    const { accept = "" } = request.headers;
    return answerRepository(state, { method, path, query: url.searchParams, accept, body: { ...body }, caller });
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const { method = "GET" } = request;
    const body = await readJson(request);
    const recorded: RecordedRequest = { method, path: url.pathname, query: url.search, body };
    if (!url.pathname.startsWith("/_forge/")) requests.push(recorded);
    const failure = nextFailure(method, url.pathname);
    if (failure === "hang") return;
    if (failure === "reset") return void request.socket.destroy();
    response.sendDate = false;
    if (!faults.isDateless()) response.setHeader("date", new Date(faults.dateMs()).toUTCString());
    if (typeof failure === "object") {
      recorded.status = failure.status;
      return send(request, response, { ...failure, body: failure.body ?? { message: "no" } });
    }
    const answered = answer(method, url, request, body);
    if (failure === "lost") return void request.socket.destroy();
    recorded.status = answered.status;
    send(request, response, answered);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      response.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ message: String(error) }));
    });
  });
  await new Promise<void>((done) => server.listen(options.port ?? 0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    requests,
    repository,
    fail: (rule) => void rules.push({ rule, left: rule.times ?? 1, before: rule.after ?? 0 }),
    set,
    heal,
    mintedTokens: callers.minted,
    revokeTokens: callers.revoke,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** As GitHub does for a repository that has another name now. */
const moved = (method: string, location: string): Answered => ({
  status: method === "GET" ? 301 : 307,
  headers: { location },
  body: { message: method === "GET" ? "Moved Permanently" : "Temporary Redirect", url: location },
});

async function readJson(request: IncomingMessage): Promise<object> {
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > BODY_BYTES_MAX) throw new Error("the body is too large");
  }
  const parsed: unknown = text === "" ? {} : JSON.parse(text);
  return typeof parsed === "object" && parsed !== null ? parsed : {};
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, headers = {}, contentType = "application/json; charset=utf-8" }: Answered,
): void {
  const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
  const etag = `"${createHash("sha256").update(text).digest("hex").slice(0, 32)}"`;
  if (status === 200 && request.method === "GET" && request.headers["if-none-match"] === etag)
    return void response.writeHead(304, { etag, ...headers }).end();
  response.writeHead(status, { "content-type": contentType, etag, ...headers }).end(text);
}
