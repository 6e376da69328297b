import { type BillLine, idleBill } from "../../infra/idle-bill.ts";
import { clean, synthesise } from "../infra/synthesised.ts";
import { startMeteredStack } from "../support/metered-stack.ts";
import { oneJobCounts } from "../support/one-job-counts.ts";
import type { RequestCounts } from "../support/request-counts.ts";
import { priceOfCounts } from "./prices.ts";

/** `npm run record -- cost`: what a deployment costs, as JSON on stdout. */

export interface Cost {
  /** A month of doing nothing, in US dollars, told from the resources that the templates hold. */
  readonly idle: readonly BillLine[];
  /** What one job asks of AWS, counted on the embedded stack, and its price by service. */
  readonly job: { readonly counts: RequestCounts; readonly dollars: Readonly<Record<string, number>> };
}

/** The idle bill of everything but the fleet. */
export function idleLines(): BillLine[] {
  const made = synthesise();
  try {
    return idleBill(Object.values(made.templates).flatMap(({ Resources }) => Object.values(Resources)));
  } finally {
    clean(made);
  }
}

async function measureCost(): Promise<Cost> {
  const idle = idleLines();
  const stack = await startMeteredStack();
  try {
    const counts = await oneJobCounts(stack);
    return { idle, job: { counts, dollars: priceOfCounts(counts) } };
  } finally {
    await stack.stop();
  }
}

if (import.meta.main) process.stdout.write(`${JSON.stringify(await measureCost(), null, 2)}\n`);
