/** Where a project's secrets are in the store. Paths hold letters, digits, `.`, `-`, `_` and `/`: SSM takes no others. */

export const projectSecretsRoot = (project: string) => `projects/${project}`;
/** Apart, so that the function which verifies webhooks may read these and no others. */
export const webhookSecretsFolder = (project: string) => `webhooks/${project}`;
export const webhookSecretPath = (project: string, id: string) => `${webhookSecretsFolder(project)}/${id}`;
export const forgeSecretPath = (project: string) => `${projectSecretsRoot(project)}/forge`;
export const cloneSecretPath = (project: string) => `${projectSecretsRoot(project)}/clone`;
export const jobSecretsFolder = (project: string) => `${projectSecretsRoot(project)}/secrets`;

/** One secret of a project: for branches that match the pattern, or for all runs where there is none. */
export interface SecretRef {
  readonly name: string;
  readonly branch?: string | undefined;
}

export const jobSecretPath = (project: string, { name, branch }: SecretRef) =>
  `${jobSecretsFolder(project)}/${branch === undefined ? ANY : encode(branch)}/${name}`;

/** Undefined for a path that no secret of a job is kept under. */
export function parseJobSecretPath(project: string, path: string): SecretRef | undefined {
  const folder = `${jobSecretsFolder(project)}/`;
  const [pattern, name, ...rest] = path.startsWith(folder) ? path.slice(folder.length).split("/") : [];
  if (pattern === undefined || name === undefined || rest.length > 0) return undefined;
  return pattern === ANY ? { name } : { name, branch: decode(pattern) };
}

/** No pattern is encoded as this. */
const ANY = "_";

/** Letters and digits as they are, every other byte as `_` and two hexadecimal digits. */
function encode(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => String.fromCodePoint(byte))
    .map((char) => (/[A-Za-z0-9]/.test(char) ? char : `_${char.codePointAt(0)?.toString(16).padStart(2, "0")}`))
    .join("");
}

function decode(text: string): string {
  const bytes = text.match(/_[0-9a-f]{2}|./g) ?? [];
  return Buffer.from(
    bytes.map((part) => (part.length > 1 ? Number.parseInt(part.slice(1), 16) : (part.codePointAt(0) ?? 0))),
  ).toString();
}
