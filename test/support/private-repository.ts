import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GitHttpOptions, type GitHttpServer, startGitHttpServer } from "./git-http-server.ts";
import { makeSelfSigned, type SelfSigned } from "./self-signed.ts";

/** A repository behind HTTPS and a password. */
export interface PrivateRepository {
  readonly url: string;
  readonly sha: string;
  /** What a runner's git needs to trust the server. */
  readonly env: { readonly GIT_SSL_CAINFO: string };
  readonly server: GitHttpServer;
  readonly tls: SelfSigned;
  /** What the server serves is below it. */
  readonly repositories: string;
  stop(): Promise<void>;
}

export async function startPrivateRepository(
  files: Readonly<Record<string, string>>,
  options: Pick<GitHttpOptions, "isPassword" | "onServing">,
): Promise<PrivateRepository> {
  const root = mkdtempSync(join(tmpdir(), "baton-private-"));
  const repositories = join(root, "repositories");
  const folder = join(repositories, "project");
  const tls = makeSelfSigned(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...args], { cwd: folder }).toString();
  git("init", "-q", "-b", "main");
  git("add", ".");
  git("commit", "-qm", "first");
  const server = await startGitHttpServer(repositories, { version: 2, tls, ...options });
  return {
    url: `${server.url}/project`,
    sha: git("rev-parse", "HEAD").trim(),
    env: { GIT_SSL_CAINFO: tls.certFile },
    server,
    tls,
    repositories,
    async stop() {
      await server.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
