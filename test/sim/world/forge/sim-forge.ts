import { REFUSALS } from "../../../support/recording-forge/faults.ts";
import { type Answered, type Asked, answerRepository, type Caller } from "../../../support/recording-forge/routes.ts";
import { makeRepositoryState } from "../../../support/recording-forge/state.ts";
import { EXACT, makeActorClock } from "../../engine/actor.ts";
import { hashText, wholeOf } from "../../engine/dice.ts";
import type { HttpCall, HttpReply } from "../../engine/host-http.ts";
import type { Simulation } from "../../engine/simulation.ts";
import type { Faults } from "../../faults.ts";
import { awaitAnswer } from "../await-answer.ts";
import { makeRefusals, refused, said } from "./forge-faults.ts";
import { FORGE_PROFILE } from "./forge-profile.ts";
import type { SimPipeline } from "./pipelines.ts";
import { makeSimRepository, type SimRepository } from "./sim-repository.ts";

/**
 * GitHub's API, as the real client reaches it by HTTP: one repository, with replicas that lag, limits, a clock that is off,
 * and answers that are lost after the call was done. What it says is what the recording forge of the other tests says.
 */
export interface SimForge {
  readonly repository: SimRepository;
  /** Its name now. */
  readonly name: () => string;
  rename(name: string): void;
  isDown: boolean;
  areCredentialsRefused: boolean;
  /** Unix milliseconds by its own clock. */
  readonly nowMs: () => number;
  readonly exchange: (call: HttpCall, signal: AbortSignal) => Promise<HttpReply>;
  /** True times at which it showed its branches as they are. */
  readonly branchesShownAtMs: () => number;
  /** Told of each call that changed what people see beside a commit or a pull request. */
  watch(watcher: (shown: Shown) => void): void;
}

/** A status that is shown from now on. */
export interface Shown {
  readonly sha: string;
  readonly name: string;
  /** A check run's conclusion, or a commit status' state; empty while there is none. */
  readonly as: string;
}

export const REPOSITORY_ID = 42;
export const OLD_NAME = "acme/shop";
export const APP_ID = 11;
export const TOKEN = "ghp_simulated";
const INSTALLATION_TOKEN = "ghs_simulated";
const ONE_WAY_MS = [10, 120] as const;
const JSON_TYPE = "application/json; charset=utf-8";
const HANG_MS = 60_000;
const JWT_LIFE_MAX_S = 600;
const HOUR_MS = 3_600_000;
const EXACT_SHARE = 0.5;

export function makeSimForge(sim: Simulation, faults: Faults, pipelines: readonly SimPipeline[]): SimForge {
  const dice = sim.dice("forge");
  const { clockOffMsMax } = FORGE_PROFILE;
  const offMs = dice() < EXACT_SHARE ? 0 : wholeOf(dice, -clockOffMsMax, clockOffMsMax);
  const clock = makeActorClock(sim.nowMs, { ...EXACT, wallOffsetMs: offMs });
  const stamp = () => `${new Date(clock.nowMs()).toISOString().slice(0, 19)}Z`;
  const repository = makeSimRepository(makeRepositoryState(OLD_NAME, REPOSITORY_ID), pipelines, {
    nowMs: sim.nowMs,
    stamp,
  });
  const watchers: ((shown: Shown) => void)[] = [];
  let branchesShownAtMs = 0;
  const refusals = makeRefusals(sim, faults, {
    limited: { untilMs: 0 },
    isDown: () => self.isDown,
    areCredentialsRefused: () => self.areCredentialsRefused,
    nowMs: clock.nowMs,
  });

  function reply(call: HttpCall, { status, body, contentType = JSON_TYPE, headers: more = {} }: Answered): HttpReply {
    const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
    const etag = `"${hashText(text)}"`;
    const headers = { "content-type": contentType, etag, date: new Date(clock.nowMs()).toUTCString(), ...more };
    if (status === 200 && call.method === "GET" && call.headers["if-none-match"] === etag)
      return { status: 304, headers, body: "" };
    return { status, headers, body: text };
  }

  const dated = ({ headers, ...rest }: HttpReply): HttpReply => ({
    ...rest,
    headers: {
      "content-type": JSON_TYPE,
      date: new Date(clock.nowMs()).toUTCString(),
      ...headers,
    },
  });

  /** What the repository itself answers, as of so many milliseconds ago. */
  function serve(call: HttpCall, path: string, caller: Caller, lagMs: number): HttpReply {
    const asked: Asked = {
      method: call.method,
      path,
      query: call.url.searchParams,
      accept: call.headers["accept"] ?? "",
      body: call.body === undefined ? {} : JSON.parse(call.body),
      caller,
    };
    const atMs = sim.nowMs() - lagMs;
    if (call.method === "GET") {
      if (path === "/branches" && lagMs === 0) branchesShownAtMs = sim.nowMs();
      return reply(call, answerRepository(lagMs === 0 ? repository.state : repository.asOf(atMs), asked));
    }
    const sha = /^\/statuses\/(\w+)$/.exec(path)?.[1] ?? asked.body["head_sha"];
    if (lagMs > 0 && (repository.committedAtMs.get(String(sha)) ?? 0) > atMs)
      return dated(said(422, `No commit found for SHA: ${String(sha)}`));
    const answered = answerRepository(repository.state, asked);
    const shown = answered.status < 300 ? shownBy(path, answered.body) : undefined;
    if (shown !== undefined) for (const watcher of watchers) watcher(shown);
    return reply(call, answered);
  }

  function answer(call: HttpCall, lagMs: number): HttpReply {
    const caller = callerOf(call.headers["authorization"] ?? "");
    if (caller === undefined) return dated(said(401, "Bad credentials"));
    const { pathname } = call.url;
    if (pathname === "/user") return reply(call, { status: 200, body: { login: "baton-bot" } });
    const [, byId, byName, rest = ""] = /^\/(?:repositories\/(\d+)|repos\/([^/]+\/[^/]+))(\/.*)?$/.exec(pathname) ?? [];
    if (byId === String(REPOSITORY_ID) || byName === self.name()) return serve(call, rest, caller, lagMs);
    if (byName !== OLD_NAME) return dated(said(404, "Not Found"));
    const location = `${call.url.origin}/repositories/${REPOSITORY_ID}${rest}${call.url.search}`;
    return dated(said(call.method === "GET" ? 301 : 307, "Moved Permanently", { location }));
  }

  /**
   * At once, and in the very turn of who asks: octokit keeps what it waits for here as long as the process lives, and whoever
   * dies in a world must not be waited for in the next.
   */
  function mint(call: HttpCall): HttpReply {
    const label = sim.numbered(`POST access_tokens by ${sim.current().name}`);
    const refusal = refusals.refusal(label, "mint");
    if (refusal !== undefined) return dated(refusal);
    const problem = jwtProblem(call.headers["authorization"] ?? "", clock.nowMs());
    if (problem !== undefined) return dated(said(401, problem));
    const wanted: unknown = JSON.parse(call.body ?? "{}").repositories;
    if (Array.isArray(wanted) && !wanted.includes(self.name().split("/")[1]))
      return dated(refused(REFUSALS.repositoryNotInstalled));
    const expires = new Date(clock.nowMs() + HOUR_MS).toISOString();
    return reply(call, { status: 201, body: { token: INSTALLATION_TOKEN, expires_at: expires, permissions: {} } });
  }

  const self: SimForge = {
    repository,
    name: () => repository.state.name,
    rename(to) {
      repository.state.name = to;
    },
    isDown: false,
    areCredentialsRefused: false,
    nowMs: clock.nowMs,
    branchesShownAtMs: () => branchesShownAtMs,
    watch: (watcher) => void watchers.push(watcher),
    exchange(call, signal) {
      if (/^\/app\/installations\/\d+\/access_tokens$/.test(call.url.pathname)) return Promise.resolve(mint(call));
      const label = sim.numbered(`${call.method} ${call.url.pathname} by ${sim.current().name}`);
      const ways = sim.dice(label);
      const way = () => wholeOf(ways, ...ONE_WAY_MS);
      return awaitAnswer<HttpReply>(sim, label, signal, (ear) => {
        if (faults.strikes("forge hangs", label)) return ear.fail(HANG_MS, new Error("injected: ETIMEDOUT"));
        if (faults.strikes("forge resets", label)) return ear.fail(way(), new Error("injected: ECONNRESET"));
        sim.world(way(), label, () => {
          const refusal = refusals.refusal(label, call.method);
          if (refusal !== undefined) return ear.answer(way(), dated(refusal));
          const lags = faults.strikes("forge replica lags", label);
          const lagMs = lags ? ways() * FORGE_PROFILE.lagMsMax : 0;
          const answered = answer(call, lagMs);
          if (faults.strikes("forge loses the reply", label)) ear.fail(HANG_MS, new Error("injected: ETIMEDOUT"));
          else ear.answer(way(), answered);
        });
      });
    },
  };
  return self;
}

/** By what the call answers. */
function shownBy(path: string, body: unknown): Shown | undefined {
  const { sha, context, state, head_sha, name, conclusion } = body as Record<string, unknown>;
  if (path.startsWith("/statuses/")) return { sha: String(sha), name: String(context), as: String(state) };
  if (!path.startsWith("/check-runs")) return undefined;
  return { sha: String(head_sha), name: String(name), as: String(conclusion ?? "") };
}

function callerOf(authorization: string): Caller | undefined {
  const token = /^(?:token|bearer) (.+)$/i.exec(authorization)?.[1];
  if (token === TOKEN) return { kind: "user", login: "baton-bot" };
  return token === INSTALLATION_TOKEN ? { kind: "installation", appId: APP_ID } : undefined;
}

/** What GitHub says of an App's assertion whose times are wrong; who signed it is not looked at. */
function jwtProblem(authorization: string, nowMs: number): string | undefined {
  const claims: unknown = JSON.parse(Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString());
  const { iat, exp } = claims as { readonly iat: number; readonly exp: number };
  const nowS = nowMs / 1_000;
  if (iat > nowS)
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  if (exp > nowS + JWT_LIFE_MAX_S)
    return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
  return exp < nowS ? "'Expiration time' claim ('exp') is too far in the past" : undefined;
}
