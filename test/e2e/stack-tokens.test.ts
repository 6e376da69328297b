import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type SpawnedStack, spawnStack } from "../../localstack/spawn-stack.ts";
import { makeClient } from "../../shared/protocol/client.ts";

/** The tokens of a state folder, when somebody has revoked or lost them. */

const stateDir = mkdtempSync(join(tmpdir(), "baton-tokens-"));
afterAll(() => rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 }));

const clientOf = (stack: SpawnedStack, token = stack.token) => makeClient({ url: stack.url, token });
const runnerOf = (stack: SpawnedStack) => clientOf(stack, readFileSync(stack.runnerTokenFile, "utf8").trim());
const SESSION = { body: { name: "host", pools: ["default"], slots: 1 } };

async function whileUp<T>(use: (stack: SpawnedStack) => Promise<T>): Promise<T> {
  const stack = await spawnStack({ stateDir });
  try {
    return await use(stack);
  } finally {
    await stack.stop();
  }
}

test("case A9: a built-in runner's token that was revoked is made anew at the next start, and only then", async () => {
  const revoked = await whileUp(async (stack) => {
    await runnerOf(stack).call("openSession", SESSION);
    const { tokens } = await clientOf(stack).call("listTokens", {});
    const id = tokens.find(({ name }) => name === "embedded-runner")?.id ?? "";
    await clientOf(stack).call("revokeToken", { params: { token: id } });
    return readFileSync(stack.runnerTokenFile, "utf8");
  });
  const renewed = await whileUp(async (stack) => {
    await runnerOf(stack).call("openSession", SESSION);
    return readFileSync(stack.runnerTokenFile, "utf8");
  });
  expect(renewed).not.toBe(revoked);
  await whileUp(async (stack) => expect(readFileSync(stack.runnerTokenFile, "utf8")).toBe(renewed));
});

test("case A9: the last administrator cannot lock itself out; who owns the folder gets in again by removing the token's file", async () => {
  const before = await whileUp(async (stack) => {
    const owner = clientOf(stack);
    const { tokens } = await owner.call("listTokens", {});
    const id = tokens.find(({ name }) => name === "owner")?.id ?? "";
    await expect(owner.call("revokeToken", { params: { token: id } })).rejects.toMatchObject({ status: 409 });
    // With another administrator it may; a restart does not bring it back.
    await owner.call("createToken", { body: { name: "other", scopes: ["admin"] } });
    await owner.call("revokeToken", { params: { token: id } });
    return stack.token;
  });
  await whileUp(async (stack) => {
    expect(stack.token).toBe(before);
    await expect(clientOf(stack).call("listTokens", {})).rejects.toMatchObject({ status: 401 });
  });
  rmSync(join(stateDir, "token"));
  await whileUp(async (stack) => {
    expect((await clientOf(stack).call("listTokens", {})).tokens.length).toBeGreaterThan(3);
  });
});
