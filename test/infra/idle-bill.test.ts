import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type BillLine, DASHBOARD_METRICS_FREE, idleBill } from "../../infra/idle-bill.ts";
import { clean, type Resource, resourcesOf, synthesise } from "./synthesised.ts";

const DOLLARS_MAX = 1;

const made = synthesise();
afterAll(() => clean(made));

const of = (...stacks: string[]): Resource[] =>
  stacks.flatMap((stack) => Object.values(made.templates[stack]?.Resources ?? {}));
const total = (lines: readonly BillLine[], what: "listed" | "billed") =>
  lines.reduce((all, line) => all + line[what], 0);

function print(title: string, lines: readonly BillLine[]): void {
  const rows = lines.map(
    ({ what, listed, billed }) => `  ${what.padEnd(40)} ${listed.toFixed(3)}  ${billed.toFixed(3)}`,
  );
  const sums = `  ${"all".padEnd(40)} ${total(lines, "listed").toFixed(3)}  ${total(lines, "billed").toFixed(3)}`;
  process.stdout.write(`\n${title}, US dollars a month: at list price, and beyond CloudWatch's free allowance\n`);
  process.stdout.write(`${[...rows, sums].join("\n")}\n`);
}

describe("the idle bill", () => {
  test("data and control plane cost at most a dollar a month at list price, with nothing free", () => {
    const lines = idleBill(of("BatonData", "BatonControl"));
    print("BatonData and BatonControl", lines);
    expect(total(lines, "listed")).toBeLessThanOrEqual(DOLLARS_MAX);
  });

  test("with dashboards and alarms it is still at most a dollar, since an account has that many free", () => {
    const lines = idleBill(of("BatonData", "BatonControl", "BatonWatch"));
    print("With BatonWatch", lines);
    expect(total(lines, "billed")).toBeLessThanOrEqual(DOLLARS_MAX);
  });

  test("each dashboard shows no more metrics than a free one may", () => {
    const dashboards = Object.values(resourcesOf(made, "AWS::CloudWatch::Dashboard"));
    expect(dashboards.length).toBeGreaterThan(0);
    for (const { Properties } of dashboards) expect(metricsIn(Properties)).toBeLessThanOrEqual(DASHBOARD_METRICS_FREE);
  });

  test("nothing that bills by the hour is there, unless the fleet is on", () => {
    expect(Object.keys(made.templates).sort()).toEqual(["BatonControl", "BatonData", "BatonWatch"]);
    expect(() => idleBill(of("BatonData", "BatonControl", "BatonWatch"))).not.toThrow();
  });

  test.each([
    "AWS::EC2::NatGateway",
    "AWS::EC2::VPCEndpoint",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::WAFv2::WebACL",
  ])("a %s would be noticed", (Type) => {
    expect(() => idleBill([{ Type, Properties: {} }])).toThrow(Type);
  });
});

const body = z.object({
  widgets: z.array(z.object({ properties: z.object({ metrics: z.array(z.unknown()).default([]) }) })),
});

/** Its body is a text in pieces, with references between them: those stand inside of words. */
function metricsIn(properties: Resource["Properties"]): number {
  const { DashboardBody } = z
    .object({ DashboardBody: z.object({ "Fn::Join": z.tuple([z.string(), z.array(z.unknown())]) }) })
    .parse(properties);
  const text = DashboardBody["Fn::Join"][1].map((piece) => (typeof piece === "string" ? piece : "x")).join("");
  return body.parse(JSON.parse(text)).widgets.reduce((all, widget) => all + widget.properties.metrics.length, 0);
}
