import type { ProjectView } from "../../shared/protocol/projects.ts";
import type { Context } from "../context.ts";
import { printTime } from "../print/duration.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { printTable } from "../print/table.ts";
import { type ConnectedOptions, connect, printJson } from "./find-run.ts";

/** `baton projects list`. */
export async function listProjectsCommand(context: Context, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("listProjects", {});
  if (options.json === true) return printJson(context, reply);
  if (reply.projects.length === 0) return context.err.write("no projects; `baton projects add` adds one\n");
  const nowMs = context.clock.nowMs();
  const rows = reply.projects.map(({ name, forge, forks, reports, createdAtMs }) => [
    name,
    sanitizeLine(forge.repository, false),
    forge.credentials,
    forks.mode,
    reports.mode,
    printTime(createdAtMs, nowMs),
  ]);
  await context.out.write(printTable(["PROJECT", "REPOSITORY", "CREDENTIALS", "FORKS", "REPORTS", "ADDED"], rows));
}

/** `baton projects show NAME`. */
export async function showProjectCommand(context: Context, name: string, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("getProject", { params: { project: name } });
  if (options.json === true) return printJson(context, reply);
  const { forge, forks, reports, createdAtMs, updatedAtMs } = reply.project;
  const nowMs = context.clock.nowMs();
  const rows: readonly (readonly [string, string])[] = [
    ["project", reply.project.name],
    ["repository", [forge.repository, ...aboutRepository(reply.project)].join(", ")],
    ["API", forge.apiUrl],
    ["cloned from", forge.cloneUrl ?? "the repository's own URL"],
    ["credentials", forge.credentials],
    ["clone token", reply.project.hasCloneToken ? "given to runners" : "none"],
    ["forks", forks.mode === "never" ? "never run" : `${forks.mode}, in pool ${forks.pool}`],
    ["reports", reports.comment ? `${reports.mode}, and a comment` : reports.mode],
    ["webhook", `${client.url}/v1/webhooks/${forge.kind}/${reply.project.name}`],
    ["added", printTime(createdAtMs, nowMs)],
    ["changed", printTime(updatedAtMs, nowMs)],
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  await context.out.write(
    rows.map(([label, value]) => `${label.padEnd(width)}  ${sanitizeLine(value, false)}\n`).join(""),
  );
}

const aboutRepository = ({ repositoryId, formerRepositories = [] }: ProjectView): string[] => [
  ...(repositoryId === undefined ? [] : [`id ${repositoryId}`]),
  ...(formerRepositories.length === 0 ? [] : [`formerly ${formerRepositories.join(", ")}`]),
];

/** `baton projects delivery NAME ID`: a line for each pipeline. */
export async function showDeliveryCommand(
  context: Context,
  name: string,
  id: string,
  options: ConnectedOptions,
): Promise<void> {
  const client = await connect(context, options);
  const reply = await client.call("showDelivery", { params: { project: name, delivery: id } });
  if (options.json === true) return printJson(context, reply);
  const { event, state, receivedAtMs, reason, decisions } = reply.delivery;
  const why = reason === undefined ? "" : `: ${reason}`;
  const head = `${event}, received ${printTime(receivedAtMs, context.clock.nowMs())}, ${state}${why}`;
  const lines = decisions.map(({ pipeline, runId, reason: unmet }) => {
    const told = [runId, unmet].filter((part) => part !== undefined).join(", ");
    return `${pipeline}  ${told}`;
  });
  await context.out.write([head, ...lines].map((line) => `${sanitizeLine(line, false)}\n`).join(""));
}
