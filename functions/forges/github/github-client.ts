import { createHash } from "node:crypto";
import { request } from "@octokit/request";
import { RequestError } from "@octokit/request-error";
import { z } from "zod";
import { entryOf } from "../../../shared/domain/entry.ts";
import type { Clock } from "../../../shared/lib/clock.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { SecretStore } from "../../../shared/store/secret-store.ts";
import { ForgeError, type ReadToken } from "../../../shared/usecases/forge.ts";
import { makeGuardedFetch } from "../guarded-fetch.ts";
import type { Skew } from "./app-jwt.ts";
import {
  type AppCredential,
  type AppTokens,
  type Authorize,
  makeAppTokens,
  parseApp,
  type Requester,
  readCredential,
} from "./github-credentials.ts";
import { toForgeError } from "./github-error.ts";

/** Calls GitHub's REST API for a project, with that project's address and credentials. */

export interface GithubOptions {
  readonly hosts: readonly string[];
  readonly secrets: Pick<SecretStore, "read">;
  readonly clock: Clock;
  readonly log: { warn(message: string): void };
  readonly timeoutMs: number;
}

/** As GitHub answered: to be parsed. */
export interface GithubAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly data: unknown;
}

export interface GithubClient {
  /** Throws `ForgeError`. With an `etag`, 304 is an answer. `owner` and `repo` are the project's. */
  call(project: ProjectItem, route: string, parameters?: Readonly<Record<string, unknown>>): Promise<GithubAnswer>;
  /** Who Baton is there: what it wrote itself it knows again by this. */
  identify(project: ProjectItem): Promise<GithubIdentity>;
  /** Undefined for a project that is no App's. Throws `ForgeError`. */
  readToken(project: ProjectItem): Promise<ReadToken | undefined>;
}
export type GithubIdentity =
  | { readonly kind: "app"; readonly appId: number }
  | { readonly kind: "user"; readonly login: string };

/** A comparison of two commits shows whole patches, whether one wants them or not. */
const RESPONSE_BYTES_MAX = 16 * 1_024 * 1_024;
/** A credential that was changed is taken up after this. */
const CREDENTIAL_CACHE_MS = 60_000;
const CONNECTIONS_MAX = 256;
const API_VERSION = "2022-11-28";

interface Connection {
  readonly digest: string;
  readonly request: Requester;
  readonly authorize: Authorize;
  readonly app: (AppCredential & AppTokens) | undefined;
  readonly readAtMs: number;
  login?: string;
  /** A call with these credentials was answered. */
  holds?: boolean;
}

/** App tokens and what was read of the secret store are kept for as long as the process lives. */
export function makeGithubClient(options: GithubOptions): GithubClient {
  const fetch = makeGuardedFetch({ ...options, responseBytesMax: RESPONSE_BYTES_MAX });
  const making: Making = { options, fetch, connections: new Map(), skews: new Map() };

  const withConnection = async <T>(project: ProjectItem, use: (connection: Connection) => Promise<T>): Promise<T> => {
    for (let isAgain = false; ; isAgain = true) {
      let hasHeld = false;
      try {
        const connection = await connect(making, project);
        hasHeld = connection.holds === true;
        const result = await use(connection);
        connection.holds = true;
        return result;
      } catch (error) {
        const refused = toForgeError(error, options.clock.nowMs());
        if (refused.status !== 401) throw refused;
        making.connections.delete(keyOf(project));
        // What held before was perhaps changed a moment ago; what is read anew for this very call was not.
        if (isAgain || !hasHeld) throw refused;
      }
    }
  };
  const call: GithubClient["call"] = (project, route, parameters = {}) =>
    withConnection(project, (connection) => send(connection, project, route, parameters));
  return {
    call,
    readToken: (project) => withConnection(project, async ({ app }) => app?.readToken()),
    async identify(project) {
      const connection = await connect(making, project);
      if (connection.app !== undefined) return { kind: "app", appId: connection.app.appId };
      const login = z.object({ login: z.string() });
      connection.login ??= parseAnswer(login, await call(project, "GET /user"), "account").login;
      return { kind: "user", login: connection.login };
    },
  };
}

/** Parses what GitHub answered. Throws `ForgeError` where it is not what its documentation says: no refusal, so it is asked again. */
export function parseAnswer<S extends z.ZodType>(schema: S, answer: GithubAnswer, what: string): z.output<S> {
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ForgeError(`GitHub's ${what} is not as expected: ${issue?.path.join(".")}: ${issue?.message}`, {
    retry: true,
  });
}

async function send(
  connection: Connection,
  project: ProjectItem,
  route: string,
  {
    headers,
    ...parameters
  }: Readonly<Record<string, unknown>> & { readonly headers?: Readonly<Record<string, string>> },
): Promise<GithubAnswer> {
  const [owner = "", repo = ""] = project.forge.repository.split("/");
  const authorization = await connection.authorize();
  const known = authorization === undefined ? {} : { authorization };
  try {
    return await connection.request(route, { owner, repo, ...parameters, headers: { ...headers, ...known } });
  } catch (error) {
    const notModified = error instanceof RequestError && error.status === 304 && error.response;
    if (notModified) return notModified;
    throw error;
  }
}

interface Making {
  readonly options: GithubOptions;
  readonly fetch: ReturnType<typeof makeGuardedFetch>;
  /** Two calls at once share the connection that is being made. */
  readonly connections: Map<string, Promise<Connection>>;
  /** By address: a server's clock is one for all of its projects. */
  readonly skews: Map<string, Skew>;
}

const keyOf = ({ tenant, name, forge, repositoryId }: ProjectItem) =>
  JSON.stringify([tenant, name, forge, repositoryId]);

function connect(making: Making, project: ProjectItem): Promise<Connection> {
  const { connections } = making;
  const key = keyOf(project);
  const connecting = reconnect(making, project, connections.get(key));
  if (connections.size >= CONNECTIONS_MAX) connections.clear();
  connections.set(key, connecting);
  // One that fails is not kept. Its error goes to whoever waits for it.
  connecting.catch(() => connections.delete(key));
  return connecting;
}

async function reconnect(
  { options, fetch, skews }: Making,
  project: ProjectItem,
  connecting: Promise<Connection> | undefined,
): Promise<Connection> {
  const known = await connecting?.catch(() => undefined);
  const nowMs = options.clock.monotonicMs();
  if (known !== undefined && nowMs - known.readAtMs < CREDENTIAL_CACHE_MS) return known;
  const credential = await readCredential(options.secrets, project);
  const digest = createHash("sha256")
    .update(credential ?? "")
    .digest("hex");
  if (known?.digest === digest) return { ...known, readAtMs: nowMs };
  const request = makeRequester(project, fetch, options.log);
  if (project.forge.credentials === "app") {
    const parsed = parseApp(project, credential);
    const skew = skews.get(project.forge.apiUrl) ?? { ms: 0 };
    if (skews.size < CONNECTIONS_MAX) skews.set(project.forge.apiUrl, skew);
    const app = { ...parsed, ...makeAppTokens(project, parsed, request, { ...options, skew }) };
    return { digest, request, authorize: app.authorize, app, readAtMs: nowMs };
  }
  const token = credential === undefined ? undefined : `token ${credential}`;
  return { digest, request, authorize: async () => token, app: undefined, readAtMs: nowMs };
}

function makeRequester(project: ProjectItem, fetch: Making["fetch"], { warn }: GithubOptions["log"]): Requester {
  const silent = () => undefined;
  return request.defaults({
    baseUrl: project.forge.apiUrl.replace(/\/+$/, ""),
    headers: { "user-agent": "baton", "x-github-api-version": API_VERSION },
    request: { fetch, log: { debug: silent, info: silent, warn, error: warn } },
  });
}

/** A header as text. */
export function headerOf(answer: GithubAnswer, name: string): string | undefined {
  const value = entryOf(answer.headers, name);
  return value === undefined ? undefined : String(value);
}
