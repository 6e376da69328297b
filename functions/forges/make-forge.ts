import type { Forge } from "../../shared/usecases/forge.ts";
import type { GithubOptions } from "./github/github-client.ts";

/** Of one call. A report may take four of them in a row. */
const FORGE_TIMEOUT_MS = 8_000;

/**
 * The forge of whatever project is asked about. Its client is loaded with the first call, so that a function which asks
 * nothing starts as fast as before.
 */
export function makeForge(options: Omit<GithubOptions, "timeoutMs">): Forge {
  let loading: Promise<Forge> | undefined;
  const github = () => {
    loading ??= import("./github/github-forge.ts").then(({ makeGithubForge }) =>
      makeGithubForge({ ...options, timeoutMs: FORGE_TIMEOUT_MS }),
    );
    return loading;
  };
  return {
    listDefinitions: async (...args) => (await github()).listDefinitions(...args),
    readFile: async (...args) => (await github()).readFile(...args),
    changedPaths: async (...args) => (await github()).changedPaths(...args),
    readRepository: async (...args) => (await github()).readRepository(...args),
    defaultBranch: async (...args) => (await github()).defaultBranch(...args),
    branchHead: async (...args) => (await github()).branchHead(...args),
    commitMessage: async (...args) => (await github()).commitMessage(...args),
    listHeads: async (...args) => (await github()).listHeads(...args),
    listTags: async (...args) => (await github()).listTags(...args),
    commitOfTag: async (...args) => (await github()).commitOfTag(...args),
    readPull: async (...args) => (await github()).readPull(...args),
    readToken: async (...args) => (await github()).readToken(...args),
    putStatus: async (...args) => (await github()).putStatus(...args),
    putComment: async (...args) => (await github()).putComment(...args),
  };
}
