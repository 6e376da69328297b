import { type Forge, ForgeError, type PullTrigger, type TagHead } from "../../shared/usecases/forge.ts";
import { digest } from "../../shared/usecases/specs.ts";

/** A repository in memory, as a forge shows it. Tests of `functions/forges` speak HTTP instead. */
export interface FakeRepository {
  readonly forge: Forge;
  id: string;
  /** As a project names it, where absent. */
  name: string | undefined;
  readonly branches: Map<string, string>;
  readonly pulls: Map<number, PullTrigger>;
  /** Open ones are in `pulls`. */
  readonly closedPulls: Map<number, PullTrigger>;
  readonly tags: Map<string, TagHead>;
  /** What annotated tags name in the end, by their objects. */
  readonly taggedCommits: Map<string, string>;
  /** Pull requests that the next list leaves out, as pages that shift do. */
  readonly unlisted: Set<number>;
  areTagsCut: boolean;
  /** By path; the same at every commit, but where `at` has it otherwise. */
  readonly files: Map<string, string>;
  readonly filesAt: Map<string, ReadonlyMap<string, string>>;
  /** By commit. */
  readonly messages: Map<string, string>;
  defaultBranch: string;
  /** Its lists of heads say that there are more. */
  isCut: boolean;
  /** Thrown by every call, or by those that it names. */
  failing: { readonly error: ForgeError; readonly calls?: readonly (keyof Forge)[] } | undefined;
  /** Names of the calls so far. */
  readonly calls: (keyof Forge)[];
}

/** What it gives away of an App. */
export const READ_TOKEN = "ghs_read-token-that-nobody-may-see";

export function makeFakeRepository(): FakeRepository {
  const branches = new Map<string, string>();
  const pulls: FakeRepository["pulls"] = new Map();
  const closedPulls: FakeRepository["closedPulls"] = new Map();
  const tags: FakeRepository["tags"] = new Map();
  const taggedCommits: FakeRepository["taggedCommits"] = new Map();
  const unlisted: FakeRepository["unlisted"] = new Set();
  const files = new Map<string, string>();
  const filesAt: FakeRepository["filesAt"] = new Map();
  const messages = new Map<string, string>();
  const calls: (keyof Forge)[] = [];
  const filesOf = (sha: string) => filesAt.get(sha) ?? files;

  function called(call: keyof Forge): void {
    calls.push(call);
    const { failing } = repository;
    if (failing !== undefined && (failing.calls?.includes(call) ?? true)) throw failing.error;
  }

  const forge: Forge = {
    async listDefinitions(_project, sha) {
      called("listDefinitions");
      return [...filesOf(sha).keys()].filter((path) => path.startsWith(".baton/")).sort();
    },
    async readFile(_project, sha, path) {
      called("readFile");
      return filesOf(sha).get(path);
    },
    async changedPaths() {
      called("changedPaths");
      return undefined;
    },
    async readRepository(project) {
      called("readRepository");
      return { id: repository.id, name: repository.name ?? project.forge.repository };
    },
    async defaultBranch() {
      called("defaultBranch");
      const sha = branches.get(repository.defaultBranch);
      if (sha === undefined) throw new ForgeError("there is no default branch", { status: 404, retry: false });
      return { branch: repository.defaultBranch, sha };
    },
    async branchHead(_project, branch) {
      called("branchHead");
      return branches.get(branch);
    },
    async commitMessage(_project, sha) {
      called("commitMessage");
      return messages.get(sha) ?? `commit ${sha}`;
    },
    async listHeads(_project, etag) {
      called("listHeads");
      const listed = [...pulls].sort(([a], [b]) => a - b).filter(([number]) => !unlisted.has(number));
      unlisted.clear();
      const now = JSON.stringify([repository.isCut, [...branches].sort(), listed]);
      if (etag === now) return undefined;
      return {
        etag: now,
        isCut: repository.isCut,
        branches: [...branches].map(([branch, sha]) => ({ branch, sha })),
        pulls: listed.map(([, pull]) => pull),
      };
    },
    async listTags(_project, etag) {
      called("listTags");
      const now = digest(JSON.stringify([repository.areTagsCut, [...tags].sort()]));
      if (etag === now) return undefined;
      return { etag: now, isCut: repository.areTagsCut, tags: [...tags.values()] };
    },
    async commitOfTag(_project, { sha, kind }) {
      called("commitOfTag");
      return kind === "commit" ? sha : taggedCommits.get(sha);
    },
    async readPull(_project, number) {
      called("readPull");
      return pulls.get(number) ?? closedPulls.get(number);
    },
    async readToken(project) {
      called("readToken");
      if (project.forge.credentials !== "app") return undefined;
      return { token: READ_TOKEN, expiresAtMs: Number.MAX_SAFE_INTEGER };
    },
    async putStatus() {
      throw new Error("no reports in this repository");
    },
    async putComment() {
      throw new Error("no reports in this repository");
    },
  };
  const repository: FakeRepository = {
    forge,
    id: "1",
    name: undefined,
    branches,
    pulls,
    closedPulls,
    tags,
    taggedCommits,
    unlisted,
    areTagsCut: false,
    files,
    filesAt,
    messages,
    defaultBranch: "main",
    isCut: false,
    failing: undefined,
    calls,
  };
  return repository;
}

/** Of several repositories the one that a project names. */
export function forgeOf(repositories: ReadonlyMap<string, FakeRepository>): Forge {
  const of = (name: string) => {
    const found = repositories.get(name);
    if (found === undefined) throw new ForgeError(`there is no repository ${name}`, { status: 404, retry: false });
    return found.forge;
  };
  return {
    listDefinitions: async (project, sha) => of(project.forge.repository).listDefinitions(project, sha),
    readFile: async (project, sha, path) => of(project.forge.repository).readFile(project, sha, path),
    changedPaths: async (project, ...rest) => of(project.forge.repository).changedPaths(project, ...rest),
    async readRepository(project) {
      const { repositoryId, forge } = project;
      const isOwn = ({ id }: FakeRepository) => repositoryId === undefined || id === repositoryId;
      const named = repositories.get(forge.repository);
      const found = named !== undefined && isOwn(named) ? named : [...repositories.values()].find(isOwn);
      // Without an id nothing but the name leads to it.
      if (found === undefined || (repositoryId === undefined && named === undefined))
        return of("?").readRepository(project);
      return found.forge.readRepository(project);
    },
    defaultBranch: async (project) => of(project.forge.repository).defaultBranch(project),
    branchHead: async (project, branch) => of(project.forge.repository).branchHead(project, branch),
    commitMessage: async (project, sha) => of(project.forge.repository).commitMessage(project, sha),
    listHeads: async (project, etag) => of(project.forge.repository).listHeads(project, etag),
    listTags: async (project, etag) => of(project.forge.repository).listTags(project, etag),
    commitOfTag: async (project, tag) => of(project.forge.repository).commitOfTag(project, tag),
    readPull: async (project, number) => of(project.forge.repository).readPull(project, number),
    readToken: async (project) => of(project.forge.repository).readToken(project),
    putStatus: async (project, ...rest) => of(project.forge.repository).putStatus(project, ...rest),
    putComment: async (project, ...rest) => of(project.forge.repository).putComment(project, ...rest),
  };
}
