import { describe, expect, test } from "vitest";
import { sourceSchema } from "../../../shared/protocol/runs.ts";

const accepts = (url: string): boolean => sourceSchema.safeParse({ kind: "git", url, sha: "0".repeat(40) }).success;

describe("a run's source", () => {
  test("is a git URL, or an absolute path that may have blanks and other letters", () => {
    for (const url of [
      "https://example.org/a/b.git",
      "ssh://git@example.org/b",
      "git@example.org:a/b.git",
      "file:///srv/my%20project",
      "/srv/mein Projekt ö/-x",
    ])
      expect(accepts(url), url).toBe(true);
  });

  test("is nothing that git could take for an option, a command or two words", () => {
    for (const url of [
      "",
      "a/b",
      "-x",
      "ext::sh -c id",
      "https://-x/y",
      "ssh://-oProxyCommand=x",
      "git@-x:y",
      "https://a b",
      "/a\nb",
    ])
      expect(accepts(url), url).toBe(false);
  });
});
