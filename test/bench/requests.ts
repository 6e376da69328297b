import { startMeteredStack } from "../support/metered-stack.ts";
import { oneJobCounts } from "../support/one-job-counts.ts";
import type { Measurement, Row } from "./measurement.ts";
import { priceOfCounts } from "./prices.ts";

/** What one job asks of AWS, against the budget of DESIGN section 9, and its price. */

const JOBS = 1_000;
const CENTS = 100;

export const requests: Measurement = {
  name: "requests",
  async measure() {
    const stack = await startMeteredStack();
    try {
      const counts = await oneJobCounts(stack);
      const prices = priceOfCounts(counts);
      const total = Object.values(prices).reduce((sum, price) => sum + price, 0);
      const each = Object.entries(prices).map(([service, price]) => `${service} ${(price * JOBS * CENTS).toFixed(2)}`);
      const operations = Object.entries(counts.operations).map(([operation, count]) => `${operation} ${count}`);
      const rows: Row[] = [
        {
          what: "one job: item writes",
          value: counts.itemWrites,
          unit: "",
          goal: { atMost: 8 },
          note: operations.join(", "),
        },
        { what: "one job: index writes", value: counts.indexWrites, unit: "", goal: { atMost: 4 } },
        {
          what: "one job: write units",
          value: counts.writeUnits,
          unit: "",
          note: "a transaction's items cost two each",
        },
        {
          what: "one job: SQS requests",
          value: counts.sqs,
          unit: "",
          goal: { atMost: 6 },
          note: `${counts.emptyPolls} empty polls beside them`,
        },
        { what: "one job: Lambda invocations", value: counts.invocations, unit: "", goal: { atMost: 5 } },
        { what: "one job: API requests", value: counts.apiRequests, unit: "", goal: { atMost: 4 } },
        { what: "one job: S3 requests", value: counts.s3, unit: "", goal: { atMost: 2 } },
        { what: "price of 1,000 jobs", value: total * JOBS * CENTS, unit: "¢", note: each.join(", ") },
      ];
      return rows;
    } finally {
      await stack.stop();
    }
  },
};
