import { createAppAuth, type InstallationAuthOptions } from "@octokit/auth-app";
import type { request as octokitRequest } from "@octokit/request";
import { RequestError } from "@octokit/request-error";
import { z } from "zod";
import type { Clock } from "../../../shared/lib/clock.ts";
import { parseJson } from "../../../shared/lib/parse-json.ts";
import type { ProjectItem } from "../../../shared/store/items.ts";
import type { SecretStore } from "../../../shared/store/secret-store.ts";
import { unbindSecret } from "../../../shared/usecases/bound-secret.ts";
import { ForgeError, type ReadToken } from "../../../shared/usecases/forge.ts";
import { forgeSecretPath } from "../../../shared/usecases/secret-paths.ts";
import { correctedSkew, makeAppJwt, parsePrivateKey, type Skew } from "./app-jwt.ts";

/** How Baton says who it is: with a token, or as an App, whose tokens are good for this one repository and an hour. */

export type Requester = typeof octokitRequest;
/** The `authorization` header; undefined where nothing is said. */
export type Authorize = () => Promise<string | undefined>;
export interface AppTokens {
  readonly authorize: Authorize;
  /** One that reads the repository's contents and no more: to be given away. */
  readonly readToken: () => Promise<ReadToken>;
}

const wholeNumber = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]);
const appCredential = z.object({
  appId: wholeNumber,
  privateKey: z.string().min(1),
  installationId: wholeNumber.optional(),
});
export type AppCredential = z.output<typeof appCredential>;

/** What the secret store holds; undefined for a project that needs nothing. Throws `ForgeError` where it should and does not. */
export async function readCredential(
  secrets: Pick<SecretStore, "read">,
  project: ProjectItem,
): Promise<string | undefined> {
  if (project.forge.credentials === "none") return undefined;
  const found = await secrets.read(forgeSecretPath(project.name)).catch((cause: unknown) => {
    // The store's trouble, which passes: taken for a refusal of the forge it would end deliveries and reports for good.
    throw new ForgeError(`the credentials of project ${project.name} could not be read`, { retry: true, cause });
  });
  if (found === undefined)
    throw new ForgeError(`project ${project.name} has no credentials for its forge`, { status: 401, retry: false });
  const credential = unbindSecret(found, project.forge.apiUrl);
  // Somebody changes the project at this moment, or broke off while they did.
  if (credential === undefined)
    throw new ForgeError(`the credentials of project ${project.name} are not for its forge.apiUrl: give them again`, {
      retry: true,
    });
  return credential.trim();
}

/** The message must not quote what it could not parse. */
export function parseApp(project: ProjectItem, credential: string | undefined): AppCredential {
  const parsed = appCredential.safeParse(parseJson(credential ?? ""));
  if (parsed.success) return parsed.data;
  throw new ForgeError(`the App credentials of project ${project.name} are not {appId, privateKey, installationId?}`, {
    status: 401,
    retry: false,
  });
}

/** What is given away lives at least this long from then: longer than a checkout may take. */
const READ_TOKEN_REST_MS = 15 * 60_000;

/** Corrections of the clock for one token: of the second one nothing better is known. */
const CLOCK_TRIES_MAX = 3;

interface TokenMaking {
  readonly log: { warn(message: string): void };
  readonly clock: Pick<Clock, "nowMs">;
  readonly skew: Skew;
}

/**
 * As an App. Its tokens name the repository: that is the least that they need, and octokit shares tokens that are being
 * made by what they name, whichever App asks. Octokit keeps each until a minute before its end.
 */
export function makeAppTokens(
  project: ProjectItem,
  app: AppCredential,
  request: Requester,
  { log, clock, skew }: TokenMaking,
): AppTokens {
  const { appId } = app;
  const key = parsePrivateKey(app.privateKey);
  const [owner = "", repo = ""] = project.forge.repository.split("/");
  const createJwt = async () => makeAppJwt(appId, key, clock.nowMs() + skew.ms);
  const auth = createAppAuth({ appId, createJwt, request, log });
  /** What GitHub's clock refuses is tried again by that clock. */
  const timely = async <T>(call: () => Promise<T>): Promise<T> => {
    const tried = [skew.ms];
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const corrected = correctedSkew(error, tried, clock.nowMs());
        if (corrected === undefined || tried.length === CLOCK_TRIES_MAX) throw error;
        skew.ms = corrected;
        tried.push(corrected);
        log.warn(
          `GitHub's clock differs from the clock here by ${Math.round(corrected / 1_000)} s; it is taken into account`,
        );
      }
    }
  };
  // By its id where that is known: a name may be another repository's by now.
  let repositoryId = project.repositoryId === undefined ? undefined : Number(project.repositoryId);
  let finding: Promise<number> | undefined;
  const find = async () => {
    const { token } = await auth({ type: "app" });
    const headers = { authorization: `bearer ${token}` };
    const answer = await request("GET /repos/{owner}/{repo}/installation", { owner, repo, headers });
    return z.object({ id: z.int() }).parse(answer.data).id;
  };
  const findRepository = async (token: string) => {
    const answer = await request("GET /repos/{owner}/{repo}", {
      owner,
      repo,
      headers: { authorization: `token ${token}` },
    });
    return z.object({ id: z.int() }).parse(answer.data).id;
  };
  const findOnce = () => {
    finding ??= timely(find).catch((error: unknown) => {
      finding = undefined;
      throw error;
    });
    return finding;
  };
  const make = async (narrow: Partial<InstallationAuthOptions> = {}) => {
    const installationId = app.installationId ?? (await findOnce());
    const mint = (which: Partial<InstallationAuthOptions>) =>
      timely(() => auth({ type: "installation", installationId, ...which }));
    try {
      if (repositoryId !== undefined) return await mint({ ...narrow, repositoryIds: [repositoryId] });
      return await mint({ ...narrow, repositoryNames: [repo] }).catch(async (error: unknown) => {
        if (!(error instanceof RequestError) || error.status !== 422) throw error;
        // No repository of the installation has this name any more: where it leads to, a token that reads no content may ask.
        repositoryId = await findRepository((await mint({ permissions: { metadata: "read" } })).token);
        return mint({ ...narrow, repositoryIds: [repositoryId] });
      });
    } catch (error) {
      // It may have been removed, and be installed again under another id.
      finding = undefined;
      throw error;
    }
  };
  return {
    authorize: async () => `token ${(await make()).token}`,
    async readToken() {
      const permissions = { contents: "read" };
      const kept = toReadToken(await make({ permissions }));
      if (kept.expiresAtMs - clock.nowMs() - skew.ms >= READ_TOKEN_REST_MS) return kept;
      return toReadToken(await make({ permissions, refresh: true }));
    },
  };
}

const toReadToken = ({ token, expiresAt }: { readonly token: string; readonly expiresAt: string }): ReadToken => ({
  token,
  expiresAtMs: Date.parse(expiresAt),
});
