import type { SecretStore } from "../store/secret-store.ts";
import type { Deps } from "./deps.ts";
import { webhookSecretPath } from "./secret-paths.ts";

/**
 * A project's webhook secrets: one a line, the newest first, at most two. Rotating puts a new one before the newest, so
 * that what the forge still signs with the old one holds until the next rotation, or until the old one is dropped.
 */

/** Those that hold now; none of an unknown project. */
export async function readWebhookSecrets(secrets: Pick<SecretStore, "read">, project: string): Promise<string[]> {
  const stored = await secrets.read(webhookSecretPath(project));
  return (stored ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .slice(0, 2);
}

/** Makes a secret, and answers it: it is shown once. The one before stays valid, those before that end. */
export async function rotateWebhookSecret(
  deps: Pick<Deps, "random"> & { readonly secrets: SecretStore },
  project: string,
): Promise<string> {
  const [newest] = await readWebhookSecrets(deps.secrets, project);
  const secret = deps.random.secret();
  await deps.secrets.put(webhookSecretPath(project), newest === undefined ? secret : `${secret}\n${newest}`);
  return secret;
}

/** Ends every secret but the newest: the forge signs with that one by now. */
export async function dropOldWebhookSecret(deps: { readonly secrets: SecretStore }, project: string): Promise<void> {
  const [newest] = await readWebhookSecrets(deps.secrets, project);
  if (newest !== undefined) await deps.secrets.put(webhookSecretPath(project), newest);
}
