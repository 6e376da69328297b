import { markdownTable } from "./markdown-table.ts";
import { type Result, readResult } from "./read-results.ts";

/** The blocks of docs/DEPLOY.md, from docs/results/cost.json. */

const JOBS = 1_000;
const dollars = (amount: number) => `$${amount.toFixed(amount < 0.1 ? 3 : 2)}`;
const sum = (amounts: readonly number[]) => amounts.reduce((all, amount) => all + amount, 0);

/** A month in which nobody builds. */
export function printIdleCost(): string {
  return printOf((cost) => {
    const rows = cost.idle.map(({ what, listed, billed }) => [what, dollars(listed), dollars(billed)]);
    const all = [
      "**all**",
      `**${dollars(sum(cost.idle.map(({ listed }) => listed)))}**`,
      `**${dollars(sum(cost.idle.map(({ billed }) => billed)))}**`,
    ];
    return markdownTable(["a month of nothing", "list price", "beyond what CloudWatch never bills"], [...rows, all]);
  });
}

/** What jobs add. */
export function printJobCost(): string {
  return printOf(({ job }) => {
    const { counts } = job;
    const asked = `One job of a few seconds asks for ${counts.itemWrites} item writes (${counts.writeUnits} units), ${counts.sqs} SQS requests, ${counts.invocations} invocations, ${counts.apiRequests} API requests and ${counts.s3} S3 request.`;
    const rows = Object.entries(job.dollars).map(([service, each]) => [service, dollars(each * JOBS)]);
    const all = ["**all**", `**${dollars(sum(Object.values(job.dollars)) * JOBS)}**`];
    return `${asked}\n\n${markdownTable([`${JOBS.toLocaleString("en")} such jobs`, "list price"], [...rows, all])}`;
  });
}

function printOf(print: (cost: Result<"cost">["result"]) => string): string {
  const recorded = readResult("cost");
  if (recorded === undefined) return "Nothing is recorded yet: `npm run record -- cost`.";
  const day = new Date(recorded.atMs).toISOString().slice(0, 10);
  return `${print(recorded.result)}\n\n\`${recorded.command}\` on ${day}, at commit ${recorded.commit}.`;
}
