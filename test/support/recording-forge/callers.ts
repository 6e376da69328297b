import { type KeyObject, verify } from "node:crypto";
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
const IAT = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
const EXP = "'Expiration time' claim ('exp')";
const EXP_PAST = `${EXP} must be a numeric value representing the future time at which the assertion expires`;

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

/** `nowMs` is the forge's own time. */
export function makeCallers(
  tokens: Readonly<Record<string, string>>,
  app: AppIdentity | undefined,
  nowMs: () => number,
): Callers {
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
      const claims = app === undefined ? undefined : signedClaims(app, authorization);
      if (app === undefined || claims === undefined) return bad;
      const untimely = untimelyOf(claims, nowMs() / 1_000);
      if (untimely !== undefined) return { status: 401, body: { message: untimely } };
      if (isInstallation) return { status: 200, body: { id: app.installationId } };
      minted += 1;
      const token = `ghs_installation${minted}x${app.appId}`;
      installations.add(token);
      const body = {
        token,
        expires_at: new Date(nowMs() + (app.tokenLifeMs ?? HOUR_MS)).toISOString(),
        permissions: { checks: "write" },
      };
      return { status: 201, body };
    },
  };
}

interface Claims {
  readonly iat: number;
  readonly exp: number;
}

/** Of a JWT that the App's key signed (RS256); undefined of any other. */
function signedClaims({ appId, publicKey }: AppIdentity, authorization: string): Claims | undefined {
  const [head = "", claims = "", signature = ""] = authorization.replace(/^bearer /i, "").split(".");
  const signed = Buffer.from(`${head}.${claims}`);
  if (!verify("RSA-SHA256", signed, publicKey, Buffer.from(signature, "base64url"))) return undefined;
  const parsed: unknown = JSON.parse(Buffer.from(claims, "base64url").toString());
  if (typeof parsed !== "object" || parsed === null || !("iss" in parsed && "iat" in parsed && "exp" in parsed))
    return undefined;
  return Number(parsed.iss) === appId ? { iat: Number(parsed.iat), exp: Number(parsed.exp) } : undefined;
}

/** In GitHub's words why the forge's clock does not allow it. It lives ten minutes at most. */
function untimelyOf({ iat, exp }: Claims, nowS: number): string | undefined {
  if (iat > nowS) return IAT;
  if (exp <= nowS) return EXP_PAST;
  return exp > nowS + JWT_LIFE_MAX_S ? `${EXP} is too far in the future` : undefined;
}
