import { createHash } from "node:crypto";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";
import { RequestError } from "@octokit/request-error";
import { z } from "zod";
import { entryOf } from "../../../shared/domain/entry.ts";
import type { Clock } from "../../../shared/lib/clock.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { SecretStore } from "../../../shared/store/secret-store.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";
import { makeGuardedFetch } from "../guarded-fetch.ts";
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
}
export type GithubIdentity =
  | { readonly kind: "app"; readonly appId: number }
  | { readonly kind: "user"; readonly login: string };

/** A comparison of two commits shows whole patches, whether one wants them or not. */
const RESPONSE_BYTES_MAX = 16 * 1_024 * 1_024;
/** A credential that was changed is taken up after this. */
const CREDENTIAL_CACHE_MS = 60_000;
const CREDENTIALS_MAX = 256;
const API_VERSION = "2022-11-28";

const appCredential = z.object({
  appId: z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]),
  privateKey: z.string().min(1),
  installationId: z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]).optional(),
});
type AppCredential = z.output<typeof appCredential>;

interface Connection {
  readonly digest: string;
  readonly octokit: Octokit;
  readonly app: AppCredential | undefined;
  readAtMs: number;
  login?: string;
}

/** App tokens and what was read of the secret store are kept for as long as the process lives. */
export function makeGithubClient(options: GithubOptions): GithubClient {
  const fetch = makeGuardedFetch({ ...options, responseBytesMax: RESPONSE_BYTES_MAX });
  const connections = new Map<string, Connection>();
  const making: Making = { options, fetch, connections };

  const call: GithubClient["call"] = async (project, route, parameters = {}) => {
    const connection = await connect(making, project);
    try {
      return await request(connection.octokit, project, route, parameters);
    } catch (error) {
      const refused = toForgeError(error, options.clock.nowMs());
      // Perhaps changed a moment ago: the next call looks.
      if (refused.status === 401) connection.readAtMs = Number.NEGATIVE_INFINITY;
      throw refused;
    }
  };
  return {
    call,
    async identify(project) {
      const connection = await connect(making, project);
      if (connection.app !== undefined) return { kind: "app", appId: connection.app.appId };
      connection.login ??= z.object({ login: z.string() }).parse((await call(project, "GET /user")).data).login;
      return { kind: "user", login: connection.login };
    },
  };
}

/** Parses what GitHub answered. Throws `ForgeError` where it is not what its documentation says. */
export function parseAnswer<S extends z.ZodType>(schema: S, answer: GithubAnswer, what: string): z.output<S> {
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ForgeError(`GitHub's ${what} is not as expected: ${issue?.path.join(".")}: ${issue?.message}`, {
    retry: false,
  });
}

async function request(
  octokit: Octokit,
  project: ProjectItem,
  route: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<GithubAnswer> {
  const [owner = "", repo = ""] = project.forge.repository.split("/");
  try {
    return await octokit.request(route, { owner, repo, ...parameters });
  } catch (error) {
    const notModified = error instanceof RequestError && error.status === 304 && error.response;
    if (notModified) return notModified;
    throw error;
  }
}

interface Making {
  readonly options: GithubOptions;
  readonly fetch: ReturnType<typeof makeGuardedFetch>;
  readonly connections: Map<string, Connection>;
}

async function connect(making: Making, project: ProjectItem): Promise<Connection> {
  const { connections, options } = making;
  const key = `${project.tenant}/${project.name}`;
  const known = connections.get(key);
  const nowMs = options.clock.monotonicMs();
  if (known !== undefined && nowMs - known.readAtMs < CREDENTIAL_CACHE_MS) return known;
  const credential = await readCredential(options, project);
  const digest = createHash("sha256")
    .update(JSON.stringify([project.forge, credential]))
    .digest("hex");
  if (known?.digest === digest) {
    known.readAtMs = nowMs;
    return known;
  }
  const app = project.forge.credentials === "app" ? parseApp(project, credential) : undefined;
  const octokit = await makeOctokit(making, project, app ?? credential);
  const made: Connection = { digest, octokit, app, readAtMs: nowMs };
  if (connections.size >= CREDENTIALS_MAX) connections.clear();
  connections.set(key, made);
  return made;
}

async function readCredential(options: GithubOptions, project: ProjectItem): Promise<string | undefined> {
  if (project.forge.credentials === "none") return undefined;
  const found = await options.secrets.read(`projects/${project.name}/forge`);
  if (found === undefined)
    throw new ForgeError(`project ${project.name} has no credentials for its forge`, { status: 401, retry: false });
  return found.trim();
}

/** The message must not quote what it could not parse. */
function parseApp(project: ProjectItem, credential: string | undefined): AppCredential {
  const parsed = appCredential.safeParse(parseJson(credential ?? ""));
  if (parsed.success) return parsed.data;
  throw new ForgeError(`the App credentials of project ${project.name} are not {appId, privateKey, installationId?}`, {
    status: 401,
    retry: false,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function makeOctokit(
  making: Making,
  project: ProjectItem,
  credential: AppCredential | string | undefined,
): Promise<Octokit> {
  if (credential === undefined) return new Octokit(octokitOptions(making, project));
  if (typeof credential === "string") return new Octokit({ ...octokitOptions(making, project), auth: credential });
  const { appId, privateKey } = credential;
  const asApp = { ...octokitOptions(making, project), authStrategy: createAppAuth };
  const installationId =
    credential.installationId ??
    (await findInstallation(new Octokit({ ...asApp, auth: { appId, privateKey } }), project, making));
  return new Octokit({ ...asApp, auth: { appId, privateKey, installationId } });
}

function octokitOptions({ fetch, options }: Making, project: ProjectItem) {
  const silent = () => {};
  const { warn } = options.log;
  return {
    baseUrl: project.forge.apiUrl.replace(/\/+$/, ""),
    userAgent: "baton",
    request: { fetch, headers: { "x-github-api-version": API_VERSION } },
    log: { debug: silent, info: silent, warn, error: warn },
  };
}

async function findInstallation(octokit: Octokit, project: ProjectItem, { options }: Making): Promise<number> {
  try {
    const answer = await request(octokit, project, "GET /repos/{owner}/{repo}/installation", {});
    return parseAnswer(z.object({ id: z.int() }), answer, "installation").id;
  } catch (error) {
    throw toForgeError(error, options.clock.nowMs());
  }
}

/** A header as text. */
export function headerOf(answer: GithubAnswer, name: string): string | undefined {
  const value = entryOf(answer.headers, name);
  return value === undefined ? undefined : String(value);
}
