import { expect, test } from "vitest";
import { makeReadDefinition } from "../../../functions/read-run-definition.ts";
import { DEFINITION_BYTES_MAX } from "../../../shared/domain/limits.ts";
import { ForgeError } from "../../../shared/usecases/forge.ts";
import { makeSweepWorld } from "../../support/sweep-world.ts";

const SHA = "a".repeat(40);
const world = makeSweepWorld();
const { project, repository } = world.addProject("shop");
repository.files.set(".baton/ci.yml", "from the forge");
repository.files.set(".baton/large.yml", "x".repeat(DEFINITION_BYTES_MAX + 1));
const read = makeReadDefinition(world.deps, async (source, path) => `git: ${source.url} ${path}`);
const run = { tenant: "main", project: project.name };
const sourceOf = (url: string) => ({ kind: "git" as const, url, sha: SHA });
const OWN = sourceOf("https://github.com/acme/shop.git");

test("a project's own repository is read through its forge, however its address is written", async () => {
  for (const url of [OWN.url, "https://github.com/acme/shop", "https://GitHub.com/Acme/Shop.git"])
    expect(await read(sourceOf(url), ".baton/ci.yml", run)).toBe("from the forge");
});

test("any other source is read with git: a project's credentials are for its own repository", async () => {
  for (const url of [
    "/repo",
    "https://github.com/acme/other.git",
    "https://evil.example/acme/shop.git",
    "https://x@github.com/acme/shop.git",
  ])
    expect(await read(sourceOf(url), "p.yml", run)).toBe(`git: ${url} p.yml`);
  expect(await read(OWN, "p.yml", { ...run, project: "default" })).toBe(`git: ${OWN.url} p.yml`);
});

test("a file that is not there, or too large, is the caller's mistake", async () => {
  await expect(read(OWN, "no.yml", run)).rejects.toMatchObject({
    code: "invalid_definition",
    message: expect.stringMatching(/it is not there/),
  });
  await expect(read(OWN, ".baton/large.yml", run)).rejects.toMatchObject({ code: "invalid_definition" });
});

test("a forge that refuses for good is told as one; one that may answer later is asked again", async () => {
  repository.failing = { error: new ForgeError("no access", { status: 403, retry: false }) };
  await expect(read(OWN, ".baton/ci.yml", run)).rejects.toMatchObject({
    code: "invalid_definition",
    message: expect.stringMatching(/no access/),
  });
  const error = new ForgeError("no answer", { retry: true });
  repository.failing = { error };
  await expect(read(OWN, ".baton/ci.yml", run)).rejects.toBe(error);
});
