/** What may stand for a git source: judged by everybody who takes one, before git sees it. */

/** Where a source is fetched from; undefined of a folder or file URL of some host's own. */
export interface SourceServer {
  readonly protocol: "http:" | "https:" | "ssh:";
  /** As a list of hosts names it: with its port where that is not the protocol's own. */
  readonly host: string;
  readonly hostname: string;
  readonly port: number;
}

const PORTS = { "http:": 80, "https:": 443, "ssh:": 22 } as const;
/** So plain that no two programs read another host in it: no second `@`, no backslash, no query, no escape. */
const URL_SHAPE =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?:(?<user>[^@/?#\\]+)@)?(?<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[^?#\\]*)?$/;
const SCP_SHAPE = /^(?<user>git)@(?<host>[A-Za-z0-9._-]+):(?<path>[^?#\\]+)$/;

/**
 * Why this is no source; undefined where it may be one. Git starts programs for some URLs (`ext::`, other helpers), and
 * takes names that begin with a dash for options of ssh.
 */
export function sourceUrlProblem(url: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  if (/[\u0000-\u001f\u007f]/.test(url)) return "it holds a control character";
  if (url.startsWith("/")) return undefined;
  if (/\s/.test(url)) return "it holds a blank";
  if (url.startsWith("file:///") || url.startsWith("file://localhost/")) return undefined;
  const scp = SCP_SHAPE.exec(url)?.groups;
  const parts = scp ?? URL_SHAPE.exec(url)?.groups;
  if (parts === undefined) return "it is no plain https, ssh or file URL, no git@HOST:PATH, and no absolute path";
  const { scheme = "ssh", user = "", host = "", path = "" } = parts;
  if (!["https", "http", "ssh"].includes(scheme)) return `${scheme} is not among https, ssh and file`;
  if ([user, decoded(user), host, path].some((part) => part.startsWith("-")))
    return "a part of it begins with a dash, as an option does";
  return scp !== undefined || URL.canParse(url) ? undefined : "its host cannot be read";
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Of a URL that has no problem. */
export function serverOfSource(url: string): SourceServer | undefined {
  const scp = SCP_SHAPE.exec(url)?.groups?.["host"]?.toLowerCase();
  if (scp !== undefined) return { protocol: "ssh:", host: scp, hostname: scp, port: PORTS["ssh:"] };
  const parsed = URL.parse(url);
  const protocol = parsed?.protocol;
  if (parsed === null || (protocol !== "http:" && protocol !== "https:" && protocol !== "ssh:")) return undefined;
  // Of schemes that it does not know, a URL keeps letters as they were, and the scheme's own port.
  const hostname = parsed.hostname.toLowerCase();
  const port = parsed.port === "" ? PORTS[protocol] : Number(parsed.port);
  return { protocol, host: port === PORTS[protocol] ? hostname : `${hostname}:${port}`, hostname, port };
}
