import { type KeyObject, verify } from "node:crypto";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { Answered, Caller } from "./routes.ts";

/** Who calls a recording forge, and the tokens of its App. */

export interface AppIdentity {
  readonly appId: number;
  readonly publicKey: KeyObject;
  readonly installationId: number;
  /** How long its tokens are good for; an hour where absent. */
  readonly tokenLifeMs?: number;
}

const HOUR_MS = 3_600_000;
const JWT_LIFE_MAX_S = 600;

export interface Callers {
  /** Undefined: bad credentials. */
  callerOf(authorization: string): Caller | undefined;
  /** Calls that an App makes in its own name; undefined where the path is none of them. */
  answerApp(method: string, path: string, authorization: string): Answered | undefined;
  /** How many installation tokens were made. */
  readonly minted: () => number;
  /** Of all that were made, none is valid any more. */
  revoke(): void;
}

export function makeCallers(tokens: Readonly<Record<string, string>>, app: AppIdentity | undefined): Callers {
  const installations = new Set<string>();
  let minted = 0;
  const bad: Answered = { status: 401, body: { message: "Bad credentials" } };
  return {
    minted: () => minted,
    revoke: () => installations.clear(),
    callerOf(authorization) {
      const token = /^(?:token|bearer) (.+)$/i.exec(authorization)?.[1] ?? "";
      if (app !== undefined && installations.has(token)) return { kind: "installation", appId: app.appId };
      const login = Object.hasOwn(tokens, token) ? tokens[token] : undefined;
      return login === undefined ? undefined : { kind: "user", login };
    },
    answerApp(method, path, authorization) {
      const isInstallation = method === "GET" && /^\/repos\/[^/]+\/[^/]+\/installation$/.test(path);
      const isToken = method === "POST" && path === `/app/installations/${app?.installationId}/access_tokens`;
      if (!isInstallation && !isToken) return undefined;
      if (app === undefined || !isSignedBy(app, authorization)) return bad;
      if (isInstallation) return { status: 200, body: { id: app.installationId } };
      minted += 1;
      const token = `ghs_installation${minted}x${app.appId}`;
      installations.add(token);
      const body = {
        token,
        expires_at: new Date(systemClock.nowMs() + (app.tokenLifeMs ?? HOUR_MS)).toISOString(),
        permissions: { checks: "write" },
      };
      return { status: 201, body };
    },
  };
}

/** A JWT of the App's key (RS256) that lives no longer than GitHub allows. */
function isSignedBy({ appId, publicKey }: AppIdentity, authorization: string): boolean {
  const [head = "", claims = "", signature = ""] = authorization.replace(/^bearer /i, "").split(".");
  const signed = Buffer.from(`${head}.${claims}`);
  if (!verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url"))) return false;
  const parsed: unknown = JSON.parse(Buffer.from(claims, "base64url").toString());
  if (typeof parsed !== "object" || parsed === null || !("iss" in parsed && "iat" in parsed && "exp" in parsed))
    return false;
  return Number(parsed.iss) === appId && Number(parsed.exp) - Number(parsed.iat) <= JWT_LIFE_MAX_S;
}
