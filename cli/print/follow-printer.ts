import type { JobView } from "../../shared/protocol/runs.ts";
import type { FollowSink } from "../follow/follow-sink.ts";
import {
  type Announcement,
  announceAttemptEnd,
  announceJobEnd,
  announceQueued,
  announceStart,
  printGap,
} from "./announce.ts";
import { type LinePrinter, makeLinePrinter } from "./line-printer.ts";
import type { Output } from "./output.ts";
import { jobColour, makePaint } from "./paint.ts";
import { sanitizeLine } from "./sanitize.ts";
import { shareLines } from "./shared-lines.ts";

/**
 * Prints a followed run. A job's lines stand behind `job │`, what happens to it behind a mark and without a bar: no job
 * can print a line that looks like one of ours.
 */
export function makeFollowPrinter(options: { readonly output: Output; readonly colour: boolean }): FollowSink {
  const { colour } = options;
  const output = shareLines(options.output);
  const paint = makePaint(colour);
  let width = 0;
  const printers = new Map<string, { lines: LinePrinter; name: string; bar: string }>();

  const of = (job: JobView) => {
    const known = printers.get(job.id);
    if (known !== undefined) return known;
    const tint = jobColour(paint, printers.size);
    const name = tint(job.id.padEnd(width));
    const made = { name, bar: tint("│"), lines: makeLinePrinter({ output, colour, prefix: `${name} ${tint("│")} ` }) };
    printers.set(job.id, made);
    return made;
  };

  const say = async (job: JobView, said: Announcement | undefined) => {
    const { lines, name } = of(job);
    await lines.flush();
    if (said === undefined) return;
    const text = sanitizeLine(said.text.replaceAll("\n", " "), false);
    const tone = { good: paint.green, bad: paint.red, quiet: paint.dim }[said.tone];
    await output.write(`${tone(said.mark)} ${name} ${tone(text)}\n`);
  };

  return {
    jobQueued: (job) => say(job, announceQueued(job)),
    attemptStarted: (job, attempt) => say(job, announceStart(job, attempt)),
    output: (job, bytes) => of(job).lines.write(bytes),
    async gap(job, gap) {
      const { lines, name, bar } = of(job);
      await lines.flush();
      await output.write(`${name} ${bar} ${paint.yellow(sanitizeLine(printGap(gap), false))}\n`);
    },
    attemptEnded: (job, attempt) => say(job, announceAttemptEnd(job, attempt)),
    jobEnded: (job) => say(job, announceJobEnd(job)),
    async runMoved(run, jobIds) {
      // A run is born with its jobs, or gets them when it is planned: no job has been told of before.
      width = Math.max(width, ...jobIds.map((id) => id.length));
      if (run.state === "planning") await output.write(`${paint.dim("○ the run is being planned")}\n`);
      if (run.state === "canceling") await output.write(`${paint.yellow("■ the run is being canceled")}\n`);
    },
  };
}
