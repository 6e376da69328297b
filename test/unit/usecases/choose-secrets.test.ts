import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseSecrets, type KeptSecret } from "../../../shared/usecases/choose-secrets.ts";
import { jobSecretPath, parseJobSecretPath } from "../../../shared/usecases/secret-paths.ts";

const kept = (...patterns: readonly (string | undefined)[]): KeptSecret[] =>
  patterns.map((branch) => ({ name: "KEY", branch, value: branch ?? "all" }));

test.each([
  ["main", ["main", "m*", undefined], "main"],
  ["main", [undefined, "*", "m*"], "m*"],
  ["release/1.2", ["release/*", "r*/**", "**", undefined], "release/*"],
  ["release/1.2", ["release/1.*", "release/*", "release/1.2"], "release/1.2"],
  ["release/1.2-rc", ["release/*", "release/*-rc"], "release/*-rc"],
  ["feature/a/b", ["feature/*", "feature/**"], "feature/**"],
  ["other", ["main", "release/*", undefined], "all"],
  ["other", ["main", "release/*"], undefined],
  ["[x", ["[x", undefined], "[x"],
])("the narrowest pattern for %s of %j is %s", (branch, patterns, winner) => {
  for (const order of [patterns, patterns.toReversed()])
    expect(chooseSecrets(kept(...order), ["KEY"], branch).get("KEY")).toBe(winner);
});

test("a run of no branch gets what is for every branch, and nothing else", () => {
  const all = [...kept("main", "**", undefined), { name: "ONLY", branch: "**", value: "never" }];
  expect([...chooseSecrets(all, ["KEY", "ONLY"], undefined)]).toEqual([["KEY", "all"]]);
});

test("only names that were asked for are given", () => {
  const all = [...kept(undefined), { name: "OTHER", value: "not asked for" }];
  expect([...chooseSecrets(all, ["KEY", "constructor"], "main").keys()]).toEqual(["KEY"]);
});

test("which of two secrets is narrower does not depend on their order", () => {
  const pattern = fc.option(fc.constantFrom("main", "m*", "ma*", "*n", "**", "m?in", "{main,dev}", "[m]ain"), {
    nil: undefined,
  });
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { minLength: 1 }), fc.nat(), (patterns, turns) => {
      const all = kept(...patterns);
      const turned = [...all.slice(turns % all.length), ...all.slice(0, turns % all.length)];
      expect(chooseSecrets(turned, ["KEY"], "main")).toEqual(chooseSecrets(all, ["KEY"], "main"));
    }),
  );
});

test("a secret's path holds only what SSM takes, and names the same secret again", () => {
  const branch = fc.option(fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }), { nil: undefined });
  fc.assert(
    fc.property(branch, fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/), (pattern, name) => {
      const ref = pattern === undefined ? { name } : { name, branch: pattern };
      const path = jobSecretPath("app", ref);
      expect(path).toMatch(/^projects\/app\/secrets\/[A-Za-z0-9_]+\/[A-Za-z0-9_]+$/);
      expect(parseJobSecretPath("app", path)).toEqual(ref);
    }),
  );
});

test("what is kept elsewhere is no secret of a job", () => {
  for (const path of ["projects/app/webhook", "projects/app/forge", "projects/app/secrets/x", "projects/b/secrets/_/X"])
    expect(parseJobSecretPath("app", path)).toBeUndefined();
});
