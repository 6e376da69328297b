import type { CallReply } from "../../shared/protocol/client.ts";
import { listAllJobs } from "../../shared/protocol/list-all-jobs.ts";
import type { Context } from "../context.ts";
import { explainReports } from "../explain/explain-reports.ts";
import type { TellTime } from "../explain/tell-time.ts";
import { printDuration, printTime } from "../print/duration.ts";
import { makePaint, type Paint } from "../print/paint.ts";
import { printRunOrigin, printRunTable } from "../print/run-table.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { printTable } from "../print/table.ts";
import { type ConnectedOptions, connect, findRun, printJson } from "./find-run.ts";

interface ListOptions extends ConnectedOptions {
  readonly project: string;
  readonly limit: number;
  readonly cursor?: string;
}

/** `baton runs list`. */
export async function listRunsCommand(context: Context, options: ListOptions): Promise<void> {
  const client = await connect(context, options);
  const { project, limit, cursor } = options;
  const page = await client.call("listRuns", {
    query: { project, limit, ...(cursor === undefined ? {} : { cursor }) },
  });
  if (options.json === true) return printJson(context, page);
  if (page.runs.length === 0) {
    await context.err.write(`no runs in project ${project}; \`baton runs create\` makes one\n`);
    return;
  }
  await context.out.write(printRuns(page.runs, context));
  if (page.cursor === undefined) return;
  const same = `${project === "default" ? "" : ` --project ${project}`}${limit === 20 ? "" : ` --limit ${limit}`}`;
  await context.err.write(`more: baton runs list${same} --cursor ${page.cursor}\n`);
}

function printRuns(runs: CallReply<"listRuns">["runs"], context: Context): string {
  const paint = makePaint(context.environment.colour.stdout);
  const nowMs = context.clock.nowMs();
  const rows = runs.map((run) => [
    run.id,
    paintState(paint, run),
    sanitizeLine(run.pipeline, false),
    sanitizeLine(run.source?.branch ?? "–", false),
    run.source?.sha.slice(0, 10) ?? "–",
    printTime(run.createdAtMs, nowMs),
    printDuration((run.endedAtMs ?? nowMs) - run.createdAtMs),
    sanitizeLine(run.createdBy, false),
  ]);
  const head = ["RUN", "STATE", "PIPELINE", "BRANCH", "COMMIT", "CREATED", "DURATION", "BY"].map(paint.dim);
  return printTable(head, rows);
}

function paintState(paint: Paint, run: CallReply<"listRuns">["runs"][number]): string {
  const state = run.state.replace("_", " ");
  if (run.state === "succeeded") return paint.green(state);
  return run.endedAtMs === undefined ? paint.yellow(state) : paint.red(state);
}

/** `baton runs show RUN`. */
export async function showRunCommand(context: Context, run: string, options: ConnectedOptions): Promise<void> {
  const client = await connect(context, options);
  const id = await findRun(client, run);
  const seen = await listAllJobs(client, id);
  if (options.json === true) return printJson(context, seen);
  const nowMs = context.clock.nowMs();
  await context.out.write(
    `${printRunOrigin(seen, nowMs)}\n${printRunTable(seen, context.environment.colour.stdout, nowMs)}`,
  );
  const time: TellTime = { nowMs, at: (atMs) => printTime(atMs, nowMs), span: printDuration };
  for (const line of explainReports(seen, time))
    await context.out.write(`${sanitizeLine(line.replaceAll("\n", " "), false)}\n`);
}
