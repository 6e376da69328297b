import { isIP } from "node:net";

/** Names below localhost are this machine's for every browser; what is no name of a host is nobody's. */
const LOCALHOST = /^(?:[a-z0-9_-]+\.)*localhost$/;

/**
 * Whether a request's `Host` is somebody else's name. A web site may have its own name resolved to this machine (DNS
 * rebinding), and its pages are then of one origin with the server that answers: so a name must be one of ours. `names`:
 * those beside addresses and localhost, in lower case.
 */
export function isForeignHost(host: string | undefined, names: readonly string[] = []): boolean {
  // No browser leaves it out.
  if (host === undefined) return false;
  const name = host
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();
  return !(isIP(name) !== 0 || LOCALHOST.test(name) || names.includes(name));
}
