import { RequestError } from "@octokit/request-error";
import { expect, test } from "vitest";
import { toForgeError } from "../../../functions/forges/github/github-error.ts";
import { FORGE_LAG_MS, FORGE_WAIT_MAX_MS } from "../../../shared/domain/limits.ts";
import { isFinalRefusal } from "../../../shared/usecases/forge.ts";

const request = { method: "GET", url: "https://api.github.com/repos/acme/widgets", headers: {} } as const;
const refused = (status: number, headers: Readonly<Record<string, string>>) =>
  new RequestError("no", status, { request, response: { status, headers, url: request.url, data: {} } });

test.each([
  [429, { "retry-after": "1e999" }],
  [429, { "retry-after": "99999999999" }],
  [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1e999" }],
  [403, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1e300" }],
] as const)("a wait that would never end is believed for two hours: %i %o", (status, headers) => {
  expect(toForgeError(refused(status, headers), 0)).toMatchObject({ retry: true, retryAfterMs: FORGE_WAIT_MAX_MS });
});

const at = (
  status: number,
  call: string,
  message = "no",
  headers: Readonly<Record<string, string>> = {},
  data: unknown = { message },
) => {
  const [method, path] = call.startsWith("POST ") ? (["POST", call.slice(5)] as const) : (["GET", call] as const);
  const url = `https://api.github.com${path}`;
  const response = { status, headers, url, data };
  return toForgeError(new RequestError(message, status, { request: { ...request, method, url }, response }), 0);
};
const REPO = "/repos/acme/widgets";

test.each([
  [500, REPO, "no", "passing"],
  [409, `${REPO}/git/matching-refs/tags`, "Git Repository is empty.", "passing"],
  [401, REPO, "Bad credentials", "mendable"],
  [403, `${REPO}/check-runs`, "Resource not accessible by integration", "mendable"],
  [404, REPO, "Not Found", "mendable"],
  [404, `/api/v3${REPO}`, "Not Found", "mendable"],
  [404, `${REPO}/installation`, "Not Found", "mendable"],
  [404, "/app/installations/5/access_tokens", "Not Found", "mendable"],
  [404, `${REPO}/commits/abc/check-runs`, "Not Found", "lagging"],
  [404, `POST ${REPO}/statuses/abc`, "Not Found", "mendable"],
  [404, `POST ${REPO}/check-runs`, "Not Found", "mendable"],
  [422, `POST ${REPO}/statuses/abc`, "No commit found for SHA: abc", "lagging"],
  [422, `POST ${REPO}/check-runs`, "Object does not exist", "lagging"],
  [422, "POST /app/installations/5/access_tokens", "something new about an installation", "mendable"],
  [423, REPO, "Repository is locked", "passing"],
  [404, `${REPO}/issues/7/comments`, "Not Found", "lagging"],
  [422, `${REPO}/check-runs`, "No commit found for SHA: abc", "lagging"],
  [
    422,
    "/app/installations/5/access_tokens",
    "The permissions requested are not granted to this installation.",
    "mendable",
  ],
  [422, `${REPO}/check-runs`, "Validation Failed", "final"],
  [410, `${REPO}/issues/7/comments`, "Issues are disabled for this repo", "final"],
  [451, REPO, "Repository access blocked", "final"],
  [400, REPO, "Problems parsing JSON", "final"],
] as const)("case C5: %i to %s, %s, is %s", (status, path, message, kind) => {
  expect(at(status, path, message)).toMatchObject({ status, kind });
});

test.each([
  [400, "passing"],
  [403, "mendable"],
  [404, "mendable"],
  [405, "passing"],
  [407, "mendable"],
  [410, "passing"],
  [413, "passing"],
  [422, "passing"],
  [451, "mendable"],
] as const)("case C5: %i that is not in GitHub's own form, but a proxy's, is %s", (status, kind) => {
  for (const data of ["<html>no</html>", "", null, { error: "no" }])
    expect(at(status, `${REPO}/check-runs`, "no", {}, data)).toMatchObject({ status, kind });
});

test("case C5: a lagging refusal is final when no lag lasts so long; one that may be mended, or passes, never is", () => {
  const lagging = at(404, `${REPO}/commits/abc`);
  expect(isFinalRefusal(lagging, 0, FORGE_LAG_MS - 1)).toBe(false);
  expect(isFinalRefusal(lagging, 0, FORGE_LAG_MS)).toBe(true);
  expect(isFinalRefusal(at(422, REPO), 0, 0)).toBe(true);
  for (const error of [at(401, REPO), at(500, REPO), at(429, REPO), new Error("a bug")])
    expect(isFinalRefusal(error, 0, Number.MAX_SAFE_INTEGER)).toBe(false);
});

test("case C5: a time of day at which a limit ends is the forge's, whatever our clock says", () => {
  const reset = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000", date: new Date(910_000).toUTCString() };
  expect(at(403, REPO, "API rate limit exceeded", reset)).toMatchObject({ kind: "limited", retryAfterMs: 90_000 });
  const date = { "retry-after": new Date(970_000).toUTCString(), date: new Date(910_000).toUTCString() };
  expect(at(403, REPO, "slow down", date)).toMatchObject({ kind: "limited", retryAfterMs: 60_000 });
  expect(at(403, REPO, "You have exceeded a secondary rate limit")).toMatchObject({
    kind: "limited",
    retryAfterMs: 60_000,
  });
});
