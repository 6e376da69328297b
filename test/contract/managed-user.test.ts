import { expect, test } from "vitest";
import { forgeProject } from "../support/forge-project.ts";
import { startGithubClient } from "../support/github-client.ts";
import { addCommit } from "../support/recording-forge/state.ts";

test.each(["octocat_acme/.github", "acme/-x", "-old/a..b"])(
  "case C7: %s is read and reported to like any other",
  async (name) => {
    const { server, github } = await startGithubClient();
    try {
      const repository = server.repository(name);
      const { sha } = addCommit(repository, { branch: "main", files: { ".baton/ci.yml": "a" } });
      const project = forgeProject(server.url, { forge: { repository: name } });
      const forge = github();
      expect(await forge.listDefinitions(project, sha)).toEqual([".baton/ci.yml"]);
      const trigger = { event: "push", via: "webhook", occurredAtMs: 0, fork: false } as const;
      const status = {
        sha,
        name: "ci.yml / a",
        key: "k",
        state: "queued",
        title: "t",
        summary: "",
        annotations: [],
        trigger,
      } as const;
      await forge.putStatus(project, status, undefined);
      expect(repository.statuses).toMatchObject([{ sha, state: "pending" }]);
    } finally {
      await server.stop();
    }
  },
);
