import { describe, expect, test } from "vitest";
import { githubRepository } from "../../../shared/protocol/forge-names.ts";
import { projectBody } from "../../../shared/protocol/projects.ts";
import { cloneUrlOf } from "../../../shared/usecases/clone-url.ts";
import { forgeProject } from "../../support/forge-project.ts";

describe("case C7: a repository of GitHub", () => {
  test.each([
    "octocat_acme/widgets",
    "octocat_acme/.github",
    "acme/.github",
    "acme/a.b.c",
    "acme/...",
    "acme/-x",
    "acme/_",
    "acme/x-",
    "-old-/widgets",
    "a--b/widgets",
    "1/2",
    `${"a".repeat(39)}/${"b".repeat(100)}`,
  ])("may be %s, and stays that in a path", (repository) => {
    expect(githubRepository.parse(repository)).toBe(repository);
    expect(projectBody.safeParse({ name: "p", forge: { kind: "github", repository } }).success).toBe(true);
    expect(new URL(`https://api.github.com/repos/${repository}/branches`).pathname).toBe(
      `/repos/${repository}/branches`,
    );
    const project = forgeProject("https://api.github.com", { forge: { repository } });
    expect(new URL(cloneUrlOf(project)).pathname).toBe(`/${repository}.git`);
  });

  test.each([
    "acme/.",
    "acme/..",
    "../widgets",
    "./widgets",
    "acme",
    "acme/",
    "/widgets",
    "acme/a/b",
    "acme/a b",
    "acme/a%2fb",
    "acme/a?b",
    "acme/a#b",
    "acme/a\\b",
    "acme/ä",
    "ac.me/widgets",
    "acme/widgets\n",
    `${"a".repeat(40)}/b`,
    `a/${"b".repeat(101)}`,
    "https://github.com/acme/widgets",
  ])("is not %j, and the message says what one is", (repository) => {
    const parsed = githubRepository.safeParse(repository);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.message).toContain("owner/name");
  });
});
