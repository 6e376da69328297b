import { writeFile } from "node:fs/promises";
import { fileTrouble, whyUnwritable } from "../../shared/lib/file-trouble.ts";
import { CommandError } from "../command-error.ts";
import { CHECKS } from "../conformance/all-checks.ts";
import { type CheckResult, conform } from "../conformance/conform.ts";
import { mustBeBaton } from "../conformance/must-be-baton.ts";
import { type ConformanceReport, exitOf, toMarkdown } from "../conformance/report.ts";
import type { Context } from "../context.ts";
import { makePaint, type Paint } from "../print/paint.ts";
import { sanitizeLine } from "../print/sanitize.ts";
import { connect } from "./find-run.ts";

interface ConformanceOptions {
  readonly url?: string;
  readonly pool: string;
  readonly project: string;
  readonly only?: readonly string[];
  readonly quick?: boolean;
  readonly json?: string;
  readonly markdown?: string;
}

/** `baton conformance`: attacks a control plane over HTTP, and says what it promised and kept. */
export async function conformanceCommand(context: Context, options: ConformanceOptions): Promise<void> {
  const { clock, err, out } = context;
  const checks = chosen(options);
  // Now, and not when all has been tried.
  for (const file of [options.json, options.markdown]) if (file !== undefined) await mustBeWritable(file);
  const client = await connect(context, options.url === undefined ? {} : { url: options.url });
  const paint = makePaint(context.environment.colour.stdout);
  await mustBeBaton(client.url);
  const atMs = clock.nowMs();
  await err.write(
    `${checks.length} ${checks.length === 1 ? "check" : "checks"} of ${client.url}, with jobs in pool ${options.pool}\n`,
  );
  const results = await conform(checks, {
    client,
    clock,
    pool: options.pool,
    project: options.project,
    onResult: (result) => out.write(line(result, paint)),
  });
  const report: ConformanceReport = {
    tool: "conformance",
    url: client.url,
    pool: options.pool,
    atMs,
    ms: clock.nowMs() - atMs,
    skipped: CHECKS.filter((check) => !checks.includes(check)).map(({ id }) => id),
    checks: results,
  };
  if (options.json !== undefined) await writeReport(options.json, `${JSON.stringify(report, null, 2)}\n`);
  if (options.markdown !== undefined) await writeReport(options.markdown, toMarkdown(report));
  await out.write(summary(report, paint));
  process.exitCode = exitOf(results);
}

function chosen({ only, quick }: ConformanceOptions) {
  const unknown = (only ?? []).filter((id) => !CHECKS.some((check) => check.id === id));
  if (unknown.length > 0)
    throw new CommandError(`no check ${unknown.join(", ")}; there is: ${CHECKS.map(({ id }) => id).join(", ")}`);
  const wanted = only === undefined ? CHECKS : CHECKS.filter(({ id }) => only.includes(id));
  return quick === true ? wanted.filter((check) => check.slow !== true) : wanted;
}

function line({ id, verdict, ms, proves, detail }: CheckResult, paint: Paint): string {
  const mark = { holds: paint.green("holds  "), broken: paint.red("BROKEN "), unclear: paint.yellow("unclear") }[
    verdict
  ];
  const what = detail === undefined ? paint.dim(proves) : sanitizeLine(detail, false);
  return `${mark} ${id.padEnd(24)} ${`${ms} ms`.padStart(9)}  ${what}\n`;
}

function summary({ checks, skipped, ms }: ConformanceReport, paint: Paint): string {
  const broken = checks.filter(({ verdict }) => verdict === "broken").length;
  const unclear = checks.filter(({ verdict }) => verdict === "unclear").length;
  const left = skipped.length === 0 ? "" : `, ${skipped.length} left out`;
  const text = `${checks.length - broken - unclear} hold, ${broken} broken, ${unclear} unclear${left}, in ${(ms / 1_000).toFixed(1)} s\n`;
  return broken > 0 ? paint.red(text) : text;
}

async function mustBeWritable(file: string): Promise<void> {
  const why = await whyUnwritable(file);
  if (why !== undefined) throw new CommandError(`cannot write ${file}: ${why}`);
}

async function writeReport(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new CommandError(`cannot write ${file}: ${fileTrouble(cause)}`, {
      cause,
    });
  }
}
