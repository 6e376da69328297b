import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import { isLinkLocalAddress, isSpecialAddress } from "./public-address.ts";
import type { SourceServer } from "./source-url.ts";

/** What git is told of a server before it connects: settings that bind its name to addresses that were looked at. */
export type Pinned = { readonly config: Readonly<Record<string, string>> } | { readonly refused: string };

/**
 * Looks a server of a source up, and refuses one at a link-local address, where clouds answer with credentials, or, with
 * `publicOnly`, at any that is not public. Git is bound to what was looked at (`http.curloptResolve`, git 2.37): a name that
 * resolves otherwise the next moment wins nothing. Throws where the name does not resolve.
 */
export async function pinAddress(server: SourceServer, options: { readonly publicOnly: boolean }): Promise<Pinned> {
  // Nothing but a host key is heard of an ssh server, and its name may be an alias of ssh's own.
  if (server.protocol === "ssh:") return { config: {} };
  const literal = server.hostname.replace(/^\[|\]$/g, "");
  const isLiteral = isIP(literal) !== 0;
  const addresses = isLiteral ? [literal] : (await lookup(literal, { all: true })).map(({ address }) => address);
  const bad = addresses.find(
    (address) => isLinkLocalAddress(address) || (options.publicOnly && isSpecialAddress(address)),
  );
  if (bad !== undefined) return { refused: `${server.host} has the address ${bad}, which is never called` };
  if (isLiteral) return { config: {} };
  const listed = addresses.map((address) => (isIPv6(address) ? `[${address}]` : address)).join(",");
  return { config: { "http.curloptResolve": `${literal}:${server.port}:${listed}` } };
}

/** Git's words where a server redirects and it was told not to follow. */
const REDIRECTED = /The requested URL returned error: (30[1-8])/;

/** What to say of a redirect; undefined where there was none. */
export function redirectTrouble(said: string): string | undefined {
  const status = REDIRECTED.exec(said)?.[1];
  if (status === undefined) return undefined;
  return `the server redirects (${status}), which is not followed: name the repository by the address that it is at`;
}
