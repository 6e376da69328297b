import type { ProjectItem } from "../store/items.ts";
import type { SecretStore } from "../store/secret-store.ts";
import { keepSecret } from "./keep-secret.ts";
import { webhookSecretPath, webhookSecretsFolder } from "./secret-paths.ts";
import type { ProjectDeps } from "./trigger-deps.ts";

/**
 * A project's webhook secrets, of which the newest two hold: what the forge still signs with the old one holds until the
 * next rotation, or until the old one is dropped. Each has a path of its own, by the time when it was made: the stores
 * know no conditions, and of two rotations at once neither may write over the other's.
 */

const VALID_MAX = 2;

/** Those that hold now, the newest first; none of an unknown project. */
export async function readWebhookSecrets(secrets: Pick<SecretStore, "readAll">, project: string): Promise<string[]> {
  const kept = [...(await secrets.readAll(webhookSecretsFolder(project)))];
  return kept
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .slice(0, VALID_MAX)
    .map(([, value]) => value);
}

/** Makes a secret, and answers it: it is shown once. The one before stays valid, those before that end. */
export async function rotateWebhookSecret(deps: ProjectDeps, project: ProjectItem): Promise<string> {
  const secret = deps.random.secret();
  const path = webhookSecretPath(project.name, deps.random.ulid(deps.clock.nowMs()));
  await keepSecret(deps, project, path, secret);
  await removeAllBut(deps.secrets, project.name, VALID_MAX);
  return secret;
}

/** Ends every secret but the newest: the forge signs with that one by now. */
export async function dropOldWebhookSecret(deps: { readonly secrets: SecretStore }, project: string): Promise<void> {
  await removeAllBut(deps.secrets, project, 1);
}

async function removeAllBut(secrets: SecretStore, project: string, newest: number): Promise<void> {
  const paths = (await secrets.list(webhookSecretsFolder(project))).map(({ path }) => path);
  for (const path of paths.sort().slice(0, -newest)) await secrets.remove(path);
}
