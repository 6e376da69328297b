import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { parseJson } from "../../shared/lib/parse-json.ts";
import { type AdminReply, type AdminRequest, adminReply, adminRequest } from "../../shared/protocol/admin.ts";
import type { Scope } from "../../shared/protocol/tokens.ts";
import { CommandError } from "../command-error.ts";
import { isHttpUrl } from "../config/read-config.ts";
import { writePrivateFile } from "../config/write-private-file.ts";
import type { Context } from "../context.ts";
import { printTokenRights } from "../print/token-rights.ts";
import { printJson } from "./find-run.ts";

interface BootstrapOptions {
  readonly function: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly url?: string;
  readonly name: string;
  readonly scope?: readonly Scope[];
  readonly pool?: readonly string[];
  readonly json?: boolean;
}

const ALL_SCOPES: readonly Scope[] = ["read", "run", "runner", "admin"];

/** `baton bootstrap`: by AWS credentials, where there is no token yet. Keeps the token as `baton login` does, or prints it. */
export async function bootstrapCommand(context: Context, options: BootstrapOptions): Promise<void> {
  const { url, json } = options;
  if (url === undefined && json !== true)
    throw new CommandError("say with --url which control plane the token is for, or print it with --json");
  if (url !== undefined && !isHttpUrl(url)) throw new CommandError(`"${url}" is not an http or https URL`);
  const request = requestOf(options);
  const reply = await invokeAdmin(options, request);
  const { configFile } = context.environment;
  if (url !== undefined)
    await writePrivateFile(configFile, `url: ${JSON.stringify(url)}\ntoken: ${JSON.stringify(reply.token)}\n`);
  const kept = url === undefined ? "" : `; logged in to ${url}, kept in ${configFile}`;
  await context.err.write(
    `signing key ${reply.signingKey}; token ${reply.view.id} (${printTokenRights(reply.view)})${kept}\n`,
  );
  if (json === true) await printJson(context, reply);
}

/** Refused here, where the mistake is: of the function's own refusal Lambda tells no more than its text. */
function requestOf({ name, scope = ALL_SCOPES, pool }: BootstrapOptions): AdminRequest {
  const pools = pool === undefined ? {} : { pools: pool };
  const request = adminRequest.safeParse({ action: "bootstrap", name, scopes: scope, ...pools });
  if (request.success) return request.data;
  const problems = request.error.issues.map(({ path, message }) => `--${optionOf(path[0])}: ${message}`);
  throw new CommandError(problems[0] ?? "this cannot be asked of the function", { notes: problems.slice(1) });
}

/** The API's lists are options that are given once or more. */
const optionOf = (field: PropertyKey | undefined): string => String(field).replace(/s$/, "");

async function invokeAdmin(options: BootstrapOptions, request: AdminRequest): Promise<AdminReply> {
  const { function: FunctionName, region, endpoint } = options;
  const client = new LambdaClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const answer = await client
    .send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(request) }))
    .catch((cause: unknown) => {
      const why = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      throw new CommandError(`cannot call the function ${FunctionName} (${why})${remedyOf(why)}`, { cause });
    })
    .finally(() => client.destroy());
  const text = Buffer.from(answer.Payload ?? []).toString();
  if (answer.FunctionError !== undefined)
    throw new CommandError(`the function ${FunctionName} failed: ${messageOf(text)}; its log says more`);
  const reply = adminReply.safeParse(parseJson(text));
  if (!reply.success) throw new CommandError(`${FunctionName} answered, but not as Baton's function admin does`);
  return reply.data;
}

/** The SDK says what it lacks, and not where to give it. */
function remedyOf(why: string): string {
  if (why.includes("Region is missing")) return "; name the deployment's with --region or AWS_REGION";
  if (why.startsWith("CredentialsProviderError"))
    return "; give AWS credentials as for any AWS tool: `aws sts get-caller-identity` shows whose are found";
  return "";
}

/** Lambda tells a failure as `{errorType, errorMessage}`. */
function messageOf(text: string): string {
  const failure = parseJson(text);
  const message =
    typeof failure === "object" && failure !== null && "errorMessage" in failure ? failure.errorMessage : undefined;
  return typeof message === "string" ? message : "it does not say why";
}
