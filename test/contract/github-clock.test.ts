import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { forgeErrorOf, type GithubClient, startGithubClient } from "../support/github-client.ts";
import { addCommit } from "../support/recording-forge/state.ts";

/** An App on a machine whose clock is not the forge's, over real HTTP. */

let shop: GithubClient;
beforeEach(async () => {
  shop = await startGithubClient();
  addCommit(shop.repository, { branch: "main" });
});
afterEach(() => shop.server.stop());

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const refusals = () => shop.server.requests.filter(({ status }) => status === 401).length;
const head = { branch: "main" };

test.each([45, -45, 240, -240])("case C10: a clock that is %i s off costs nothing", async (seconds) => {
  shop.server.set({ clockOffsetMs: seconds * SECOND_MS });
  expect(await shop.github().defaultBranch(shop.appProject())).toMatchObject(head);
  expect(refusals()).toBe(0);
});

test.each([15, -15, 180, -180, 60 * 24 * 400])(
  "case C10: one that is %i min off is corrected by the answer's Date, once",
  async (minutes) => {
    shop.server.set({ clockOffsetMs: minutes * MINUTE_MS });
    const forge = shop.github();
    const project = shop.appProject();
    expect(await forge.defaultBranch(project)).toMatchObject(head);
    expect(refusals()).toBe(1);
    shop.server.revokeTokens();
    expect(await forge.defaultBranch(project)).toMatchObject(head);
    expect(shop.warned.filter((line) => line.includes("clock"))).toHaveLength(1);
  },
);

test("case C10: a clock that changes while Baton runs is corrected again", async () => {
  const forge = shop.github();
  const project = shop.appProject();
  for (const minutes of [20, -20, 0]) {
    shop.server.set({ clockOffsetMs: minutes * MINUTE_MS });
    shop.server.revokeTokens();
    expect(await forge.defaultBranch(project)).toMatchObject(head);
  }
});

describe("case C10: a forge that names no time", () => {
  test.each([10, -10])("and is %i min off is met by a guess", async (minutes) => {
    shop.server.set({ clockOffsetMs: minutes * MINUTE_MS, dateless: true });
    expect(await shop.github().defaultBranch(shop.appProject())).toMatchObject(head);
  });

  test("and is days off is asked a few times, and then an operator is to mend it", async () => {
    shop.server.set({ clockOffsetMs: -3 * 24 * 60 * MINUTE_MS, dateless: true });
    const error = await forgeErrorOf(shop.github().defaultBranch(shop.appProject()));
    expect(error).toMatchObject({ status: 401, kind: "mendable", message: expect.stringContaining("('iat')") });
    expect(refusals()).toBeLessThanOrEqual(3);
  });
});

test.each([-60, 60 * 24 * 365])(
  "case C10: a Date that a proxy made up, %i min off, does not stay where our clock is right",
  async (minutes) => {
    shop.server.set({ dateOffsetMs: minutes * MINUTE_MS });
    const forge = shop.github();
    const project = shop.appProject();
    const body = { message: "'Expiration time' claim ('exp') must be a numeric value representing the future time" };
    shop.server.fail({ path: /installation/, times: 1, how: { status: 401, body } });
    expect(await forge.defaultBranch(project).catch((error: unknown) => error)).toBeDefined();
    shop.server.revokeTokens();
    expect(await forge.defaultBranch(project)).toMatchObject(head);
    expect(await shop.github().defaultBranch(project)).toMatchObject(head);
  },
);

test("case C10: a refusal that Date does not explain is not tried for ever", async () => {
  const body = {
    message: "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
  };
  shop.server.fail({ path: /installation/, times: 100, how: { status: 401, body } });
  expect(await forgeErrorOf(shop.github().defaultBranch(shop.appProject()))).toMatchObject({ kind: "mendable" });
  expect(refusals()).toBeLessThanOrEqual(3);
});

test("case C10: what is given away lives long enough by the forge's clock", async () => {
  shop.server.set({ clockOffsetMs: -50 * MINUTE_MS });
  const given = await shop.github().readToken(shop.appProject());
  expect(given?.token).toMatch(/^ghs_/);
  expect(shop.server.mintedTokens()).toBe(1);
});
