import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RUNNER_USAGE } from "../../../runner/options.ts";
import { idlePauseMs, idlePollPrice } from "../../../runner/poll-price.ts";

const dollars = (poll: "queue" | "api") => `$${idlePollPrice(poll).toFixed(2)}`;

test("polls that bring nothing come ever more seldom, up to 15 s apart", () => {
  expect([1, 2, 3, 4, 5, 6, 100].map((quiet) => idlePauseMs(quiet) / 1_000)).toEqual([1, 2, 4, 8, 15, 15, 15]);
});

test("the price of polling is what --help and the guide name", () => {
  expect(idlePollPrice("api") / idlePollPrice("queue")).toBeGreaterThan(20);
  expect(RUNNER_USAGE.replaceAll(/\s+/g, " ")).toContain(
    `about ${dollars("api")} a month, from the queue ${dollars("queue")}`,
  );
  const guide = readFileSync(new URL("../../../docs/RUNNERS.md", import.meta.url), "utf8");
  for (const poll of ["api", "queue"] as const) expect(guide).toContain(dollars(poll));
});
