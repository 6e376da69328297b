import { generateKeyPairSync } from "node:crypto";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { makeForge } from "../../functions/forges/make-forge.ts";
import { systemClock } from "../../shared/lib/clock.ts";
import { bindSecret } from "../../shared/usecases/bound-secret.ts";
import { ForgeError } from "../../shared/usecases/forge.ts";
import { forgeProject } from "../support/forge-project.ts";
import { addCommit } from "../support/recording-forge/state.ts";
import { startRecordingForge } from "../support/recording-forge.ts";

/** The tokens that an App makes to be given away, over real HTTP. */

const MINUTE_MS = 60_000;
let keys: { readonly pem: string; readonly publicKey: ReturnType<typeof generateKeyPairSync>["publicKey"] };
beforeAll(() => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  keys = { pem: privateKey.export({ type: "pkcs1", format: "pem" }).toString(), publicKey };
});

async function startApp(tokenLifeMs = 60 * MINUTE_MS) {
  const app = { appId: 7, publicKey: keys.publicKey, installationId: 99, tokenLifeMs };
  const server = await startRecordingForge({ tokens: { ghp_user: "baton-bot" }, app });
  onTestFinished(() => server.stop());
  addCommit(server.repository("acme/widgets"), { branch: "main" });
  const secrets = new Map([
    ["projects/widgets/forge", bindSecret(server.url, JSON.stringify({ appId: 7, privateKey: keys.pem }))],
  ]);
  const forge = makeForge({
    hosts: [server.host],
    secrets: { read: async (path) => secrets.get(path) },
    clock: systemClock,
    log: { warn: () => undefined },
  });
  const minted = () => server.requests.filter(({ path }) => path.endsWith("/access_tokens")).map(({ body }) => body);
  return { server, forge, secrets, minted, project: forgeProject(server.url, { forge: { credentials: "app" } }) };
}

test("SECURITY 12: a token to be given away reads the contents of the one repository, and is not the one that Baton uses", async () => {
  const { forge, project, minted } = await startApp();
  await forge.defaultBranch(project);
  const first = await forge.readToken(project);
  expect(minted()).toEqual([
    { repositories: ["widgets"] },
    { repositories: ["widgets"], permissions: { contents: "read" } },
  ]);
  expect(await forge.readToken(project)).toEqual(first);
  await forge.defaultBranch(project);
  expect(minted()).toHaveLength(2);
});

test("a token that would end within a checkout is made anew", async () => {
  const { forge, project, minted } = await startApp(10 * MINUTE_MS);
  const first = await forge.readToken(project);
  const second = await forge.readToken(project);
  expect(second?.token).not.toBe(first?.token);
  expect(minted().length).toBeGreaterThan(2);
});

test("SECURITY 12: the token of a user is never given away", async () => {
  const { forge, secrets, server } = await startApp();
  secrets.set("projects/widgets/forge", bindSecret(server.url, "ghp_user"));
  expect(await forge.readToken(forgeProject(server.url))).toBeUndefined();
  expect(await forge.readToken(forgeProject(server.url, { forge: { credentials: "none" } }))).toBeUndefined();
  expect(server.requests).toEqual([]);
});

test("an App that is not installed there is a refusal, and a server that is down is not", async () => {
  const { forge, project, server } = await startApp();
  const failure = async () => forge.readToken(project).catch((error: unknown) => error);
  server.fail({ path: /installation$/, how: { status: 404 } });
  expect(await failure()).toBeInstanceOf(ForgeError);
  server.fail({ path: /installation$/, how: { status: 404 } });
  expect(await failure()).toMatchObject({ status: 404, retry: false });
  server.fail({ path: /access_tokens$/, times: 5, how: { status: 503 } });
  expect(await failure()).toMatchObject({ status: 503, retry: true });
});
