import { TOKEN_FILE_BYTES_MAX } from "../../shared/domain/limits.ts";
import { POOL_FORKS } from "../../shared/domain/plan.ts";
import { fileTrouble } from "../../shared/lib/file-trouble.ts";
import { readTextFile, tellTextTrouble } from "../../shared/lib/read-text-file.ts";
import type { ForgeSecret, ProjectView } from "../../shared/protocol/projects.ts";
import { CommandError } from "../command-error.ts";
import type { Context } from "../context.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { readValue } from "../read-value.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";

export interface ProjectOptions extends ConnectedOptions {
  readonly repo?: string;
  readonly apiUrl?: string;
  readonly cloneUrl?: string;
  readonly tokenStdin?: boolean;
  readonly cloneTokenStdin?: boolean;
  /** False: take it away. */
  readonly cloneToken?: boolean;
  readonly appId?: number;
  readonly privateKeyFile?: string;
  readonly installationId?: number;
  /** False: none. */
  readonly credentials?: boolean;
  readonly forks?: "approve" | "run" | "never";
  readonly forksPool?: string;
  readonly reports?: "checks" | "statuses" | "off";
  readonly comment?: boolean;
}

/** `baton projects add NAME`: the webhook's secret alone on stdout, what to do with it on stderr. */
export async function addProjectCommand(context: Context, name: string, options: ProjectOptions): Promise<void> {
  if (options.repo === undefined) throw new CommandError("name the repository: --repo owner/name");
  const { secret, cloneToken } = await readSecrets(options);
  if (secret === undefined && options.credentials !== false)
    throw new CommandError("choose credentials for the forge's API: --token-stdin, --app-id or --no-credentials");
  const client = await connect(context, options);
  const reply = await client.call("addProject", {
    body: {
      name,
      forge: {
        ...forgeSettings(options),
        kind: "github",
        repository: options.repo,
        credentials: secret?.kind ?? "none",
      },
      forks: { mode: options.forks ?? "approve", pool: options.forksPool ?? POOL_FORKS },
      reports: { mode: options.reports ?? reportsWith(secret), comment: options.comment === true },
      ...(secret === undefined ? {} : { secret }),
      ...(cloneToken === undefined ? {} : { cloneToken }),
    },
  });
  const webhookUrl = client.url + reply.webhookPath;
  if (options.json === true) return printJson(context, { ...reply, webhookUrl });
  for (const warning of reply.warnings) await context.err.write(`baton: ${sanitizeLine(warning, false)}\n`);
  await context.err.write(webhookHelp(name, webhookUrl));
  await context.out.write(`${reply.webhookSecret}\n`);
}

function webhookHelp(name: string, url: string): string {
  const unreachable = /^https?:\/\/(localhost|127\.|\[::1\])/.test(url)
    ? " (this address is of this machine alone)"
    : "";
  return `project ${name} is there. Add a webhook to the repository:
  Payload URL   ${url}${unreachable}
  Content type  application/json
  Secret        the line on stdout; it is shown this once
  Events        Pushes, Pull requests
`;
}

/** `baton projects change NAME`: what is not named stays as it is. */
export async function changeProjectCommand(context: Context, name: string, options: ProjectOptions): Promise<void> {
  if (!namesChange(options))
    throw new CommandError("nothing to change: `baton projects change --help` shows the options");
  const { secret, cloneToken } = await readSecrets(options);
  const client = await connect(context, options);
  const { project } = await client.call("getProject", { params: { project: name } });
  const reply = await client.call("changeProject", {
    params: { project: name },
    body: {
      forge: {
        ...project.forge,
        ...forgeSettings(options),
        ...(options.repo === undefined ? {} : { repository: options.repo }),
        credentials: secret?.kind ?? (options.credentials === false ? "none" : project.forge.credentials),
      },
      ...otherSettings(project, options),
      ...(secret === undefined ? {} : { secret }),
      ...(cloneToken === undefined ? {} : { cloneToken }),
    },
  });
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${name} changed\n`);
}

/** A `--no-…` that is not there reads as true. */
function namesChange({ url: _url, json: _json, credentials, cloneToken, ...others }: ProjectOptions): boolean {
  return credentials === false || cloneToken === false || Object.values(others).some((value) => value !== undefined);
}

function otherSettings({ forks, reports }: ProjectView, options: ProjectOptions) {
  return {
    forks: { mode: options.forks ?? forks.mode, pool: options.forksPool ?? forks.pool },
    reports: { mode: options.reports ?? reports.mode, comment: options.comment ?? reports.comment },
  };
}

interface RotateOptions extends ConnectedOptions {
  readonly dropOld?: boolean;
}

/** `baton projects rotate-webhook NAME`: the new secret alone on stdout. */
export async function rotateWebhookCommand(context: Context, name: string, options: RotateOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("rotateWebhook", {
    params: { project: name },
    body: { action: options.dropOld === true ? "drop_old" : "rotate" },
  });
  if (options.json === true) return printJson(context, reply);
  if (reply.webhookSecret === undefined)
    return context.out.write(`${name}: only the newest webhook secret holds now\n`);
  await context.err.write(
    `put it into the repository's webhook; it is shown this once. The one before holds until \`baton projects rotate-webhook ${name} --drop-old\`\n`,
  );
  await context.out.write(`${reply.webhookSecret}\n`);
}

/** `baton projects rm NAME`. */
export async function removeProjectCommand(context: Context, name: string, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("removeProject", { params: { project: name } });
  if (options.json === true) return printJson(context, reply);
  await context.out.write(`${name} removed\n`);
}

function forgeSettings({ apiUrl, cloneUrl }: ProjectOptions) {
  return { ...(apiUrl === undefined ? {} : { apiUrl }), ...(cloneUrl === undefined ? {} : { cloneUrl }) };
}

function reportsWith(secret: ForgeSecret | undefined): "checks" | "statuses" | "off" {
  if (secret === undefined) return "off";
  return secret.kind === "app" ? "checks" : "statuses";
}

interface Secrets {
  readonly secret: ForgeSecret | undefined;
  /** Null: taken away. */
  readonly cloneToken: string | null | undefined;
}

/** From stdin and from a file, never from the arguments: every user of a machine can read those. */
async function readSecrets(options: ProjectOptions): Promise<Secrets> {
  const { token, cloneToken } = await readTokens(options);
  return {
    secret: token === undefined ? await readAppSecret(options) : { kind: "token", token },
    cloneToken: options.cloneToken === false ? null : cloneToken,
  };
}

/** Where stdin holds both, the first line is what Baton speaks to the forge with, and the second what runners clone with. */
async function readTokens({ tokenStdin, cloneTokenStdin }: ProjectOptions) {
  if (tokenStdin === true && cloneTokenStdin === true) {
    const [token, cloneToken, ...rest] = (await readValue("", false)).trim().split(/\s*\n\s*/);
    if (cloneToken === undefined || rest.length > 0)
      throw new CommandError("stdin must have two lines: the token, and the token to clone with");
    return { token, cloneToken };
  }
  if (tokenStdin === true) return { token: (await readValue("Token of the forge: ", false)).trim() };
  if (cloneTokenStdin === true) return { cloneToken: (await readValue("Token to clone with: ", false)).trim() };
  return {};
}

async function readAppSecret({
  appId,
  privateKeyFile,
  installationId,
}: ProjectOptions): Promise<ForgeSecret | undefined> {
  if (appId === undefined && privateKeyFile === undefined) return undefined;
  if (appId === undefined || privateKeyFile === undefined)
    throw new CommandError("an App needs both --app-id and --private-key-file");
  const privateKey = await readKeyFile(privateKeyFile);
  return { kind: "app", appId, privateKey, ...(installationId === undefined ? {} : { installationId }) };
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readTextFile(file, { bytesMax: TOKEN_FILE_BYTES_MAX, streams: true });
  } catch (cause) {
    throw new CommandError(tellTextTrouble(file, cause, fileTrouble), { cause });
  }
}
