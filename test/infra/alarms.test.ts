import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { clean, resourcesOf, synthesise } from "./synthesised.ts";

const METRICS_FREE = 10;

const made = synthesise();
afterAll(() => clean(made));

const properties = z.object({
  AlarmName: z.string(),
  MetricName: z.string().optional(),
  Metrics: z.array(z.object({ MetricStat: z.unknown().optional() })).default([{ MetricStat: {} }]),
  TreatMissingData: z.string(),
});
const alarms = Object.values(resourcesOf(made, "AWS::CloudWatch::Alarm")).map(({ Properties }) =>
  properties.parse(Properties),
);
const named = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `baton-${name}`);

test("alarms use no more metrics than every account has free, however many pools there are", () => {
  const metrics = alarms.flatMap(({ Metrics }) => Metrics.filter(({ MetricStat }) => MetricStat !== undefined));
  expect(metrics.length).toBeLessThanOrEqual(METRICS_FREE);
});

test("a sweep that is never called alarms, and so does one that fails each minute", () => {
  expect(named("sweep-silent")).toMatchObject({ MetricName: "Invocations", TreatMissingData: "breaching" });
  expect(named("sweep-failing")).toMatchObject({ MetricName: "Errors", TreatMissingData: "notBreaching" });
});

test("jobs that wait alarm by their own age, since their offers may be swallowed; and so do reports that failed", () => {
  expect(named("offers-wait")?.MetricName).toBe("OldestOfferAgeMs");
  expect(named("reports-failed")?.MetricName).toBe("ReportsFailed");
});
