import { generateKeyPairSync } from "node:crypto";
import { makeGithubForge } from "../../functions/forges/github/github-forge.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import type { ProjectItem } from "../../shared/store/items.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import { type Forge, ForgeError } from "../../shared/usecases/forge.ts";
import { forgeProject } from "./forge-project.ts";
import type { RepositoryState } from "./recording-forge/state.ts";
import { type RecordingForge, startRecordingForge } from "./recording-forge.ts";

/** The GitHub client, and a GitHub of our own that it calls over real HTTP. */
export interface GithubClient {
  readonly server: RecordingForge;
  readonly repository: RepositoryState;
  /** By path; `keep` puts the project's there. */
  readonly secrets: Map<string, string>;
  readonly warned: readonly string[];
  /** A client that has remembered nothing. */
  github(hosts?: readonly string[], timeoutMs?: number): Forge;
  /** A project with a token. */
  project(): ProjectItem;
  /** One with an App, whose key is kept from then on. */
  appProject(): ProjectItem;
  keep(credential: string, address?: string): void;
}

export const TOKEN = "ghp_0123456789abcdefghijklmnop";
export const OTHER_TOKEN = "ghp_abcdefghijklmnop0123456789";
export const TIMEOUT_MS = 400;
const APP_ID = 7;
const SECRET = "projects/widgets/forge";
const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

export async function startGithubClient(): Promise<GithubClient> {
  const app = { appId: APP_ID, publicKey: keys.publicKey, installationId: 99 };
  const server = await startRecordingForge({ tokens: { [TOKEN]: "baton-bot", [OTHER_TOKEN]: "baton-bot" }, app });
  const secrets = new Map([[SECRET, bindSecret(server.url, TOKEN)]]);
  const warned: string[] = [];
  const keep = (credential: string, address = server.url) => void secrets.set(SECRET, bindSecret(address, credential));
  return {
    server,
    repository: server.repository("acme/widgets"),
    secrets,
    warned,
    keep,
    github: (hosts = [server.host], timeoutMs = TIMEOUT_MS) =>
      makeGithubForge({
        hosts,
        secrets: { read: async (path) => secrets.get(path) },
        clock: systemClock,
        log: { warn: (message) => void warned.push(message) },
        timeoutMs,
      }),
    project: () => forgeProject(server.url),
    appProject() {
      const privateKey = keys.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
      keep(JSON.stringify({ appId: APP_ID, privateKey }));
      return forgeProject(server.url, { forge: { credentials: "app" } });
    },
  };
}

export async function forgeErrorOf(call: Promise<unknown>): Promise<ForgeError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ForgeError)) throw new Error(`expected a ForgeError, and got ${String(error)}`);
  return error;
}
