import { DomainError } from "../shared/domain/errors.ts";
import { findLocalRepository, localPathOf } from "../shared/lib/local-repository.ts";
import { serverOfSource, sourceUrlProblem } from "../shared/lib/source-url.ts";

/**
 * Which sources a control plane reads definitions from by itself (SECURITY 33): whoever may create runs names any source, and
 * must not read by this machine's hand what he could not read himself.
 */
export interface SourcePolicy {
  /** `host`, or `host:port`. */
  readonly hosts: readonly string[];
  /** Folders of this machine that its user has told it to serve; none in a deployment. */
  readonly folders: readonly string[];
}

const FORGE_API = "api.github.com";
const FORGE = "github.com";

/** Of the forges that are named, the repositories are where the API is, but for GitHub's own. */
export const sourceHostsOf = (forgeHosts: readonly string[]): string[] =>
  forgeHosts.map((host) => (host === FORGE_API ? FORGE : host));

/** An operator has named it, so nobody else chose it: it may have a private address, and be spoken to in plain HTTP. */
export const isOwnHost = (host: string): boolean => host !== FORGE;

/** What git is told of this machine's folders. */
const SERVED = { who: "this control plane", how: "`baton up` serves the repository that it is started in" };

const CURE = "send the definition with the request (`baton runs create FILE`)";

/** Throws a `DomainError` that says why and what to do, where the definition may not be read from there. */
export async function assertReadable(url: string, policy: SourcePolicy): Promise<void> {
  const problem = sourceUrlProblem(url);
  if (problem !== undefined) throw new DomainError("bad_request", `this is no git source: ${problem}`);
  const path = localPathOf(url);
  if (path !== undefined) {
    await findServed(path, policy);
    return;
  }
  const server = serverOfSource(url);
  if (server === undefined || !policy.hosts.includes(server.host))
    throw new DomainError(
      "forbidden",
      `this control plane reads no definitions from ${server?.host ?? "there"}, but from ${listed(policy.hosts)}: ${CURE}, or have its operator name the host in BATON_SOURCE_HOSTS`,
    );
  if (server.protocol === "http:" && !isOwnHost(server.host))
    throw new DomainError("bad_request", `${server.host} is read over HTTPS or ssh only`);
}

/** The repository at a path of this machine. */
export async function findServed(path: string, { folders }: SourcePolicy) {
  if (folders.length > 0) return findLocalRepository(path, folders, SERVED);
  throw new DomainError(
    "forbidden",
    `this control plane reads no definitions from folders of its own machine: ${CURE}, or start \`baton up\` in the repository`,
  );
}

const listed = (hosts: readonly string[]) => (hosts.length === 0 ? "no host" : hosts.join(", "));
