import { RequestError } from "@octokit/request-error";
import { expect, test } from "vitest";
import { toForgeError } from "../../../functions/forges/github/github-error.ts";
import { FORGE_WAIT_MAX_MS } from "../../../shared/domain/limits.ts";

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
