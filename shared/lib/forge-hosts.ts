/** Which forges a control plane may call (SECURITY 33): an operator names hosts, a project only picks among them. */

export const FORGE_HOSTS_DEFAULT = ["api.github.com"] as const;

/** `host` or `host:port`, comma-separated. A port that is not the scheme's own must be written. */
export function parseForgeHosts(text: string): string[] {
  const entries = text.split(",").map((entry) => entry.trim().toLowerCase());
  return entries.filter((entry) => entry !== "");
}

/**
 * Why this address may not be called; undefined where it may. A host that an operator has added may also be spoken to in
 * plain HTTP, and may have a private address: a forge of one's own often has.
 */
export function forgeUrlProblem(url: URL, hosts: readonly string[]): string | undefined {
  if (url.username !== "" || url.password !== "") return "an API address holds no user and no password";
  if (!hosts.includes(url.host)) return `${url.host} is not among the forge hosts of this control plane`;
  if (url.protocol === "https:") return undefined;
  return url.protocol === "http:" && isOwnForge(url) ? undefined : `${url.host} is called over HTTPS only`;
}

/** Added by an operator, so that nobody else chose it. */
export function isOwnForge(url: URL): boolean {
  return !(FORGE_HOSTS_DEFAULT as readonly string[]).includes(url.host);
}
