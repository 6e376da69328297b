import { describe, expect, test } from "vitest";
import type { RunTrigger } from "../../../shared/protocol/triggers.ts";
import { aboutOf, laneOf, laneUnder, orderOf, statusName } from "../../../shared/usecases/status-name.ts";

const base = { via: "webhook", occurredAtMs: 0, fork: false } as const;
const push: RunTrigger = { ...base, event: "push", branch: "topic" };
const pull = (branch: string, number = 1): RunTrigger => ({
  ...base,
  event: "pull_request",
  branch: "topic",
  number,
  base: { branch, sha: "b".repeat(40) },
});
const of = (trigger: RunTrigger, pipelinePath = ".baton/ci.yml") => ({
  pipeline: "ci",
  pipelinePath,
  trigger,
  project: "p",
});

describe("case C1: a status name", () => {
  test("tells the file and what was tested, and never the branch that comes and goes", () => {
    expect(statusName(of(push), "test")).toBe("ci.yml / test");
    expect(statusName(of(push, ".baton/ci.yaml"), "test")).toBe("ci.yaml / test");
    expect(statusName(of(push), undefined)).toBe("ci.yml");
    expect(statusName(of(pull("main")), "test")).toBe("ci.yml / test → main");
    expect(statusName(of(pull("release/1.0")), "test")).toBe("ci.yml / test → release/1.0");
    expect(statusName(of({ ...base, event: "tag", tag: "v1" }), "test")).toBe("ci.yml / test (tag v1)");
    expect(statusName(of({ ...base, event: "schedule", branch: "main", cron: "0 3 * * *" }), "test")).toBe(
      "ci.yml / test (schedule)",
    );
  });

  test("fits into GitHub's limit, and two of them that are cut stay two", () => {
    const [one, two] = ["a", "b"].map((end) => statusName(of(pull(`${"x".repeat(250)}${end}`)), "test"));
    expect([one?.length, two?.length]).toEqual([255, 255]);
    expect(one).not.toBe(two);
    expect(statusName(of(pull("x\u202ey")), "t")).not.toBe(statusName(of(pull("xy")), "t"));
    expect(statusName(of(pull("x\u202ey")), "t")).not.toContain("\u202e");
  });
});

test("a lane is what comes again: of a pull request its number, of a schedule its cron", () => {
  const schedule = (cron: string): RunTrigger => ({ ...base, event: "schedule", branch: "main", cron });
  const lanes = [
    of(push),
    of(push, ".baton/ci.yaml"),
    of({ ...push, branch: "main" }),
    of(pull("main", 1)),
    of(pull("main", 2)),
    of(schedule("0 3 * * *")),
    of(schedule("0 4 * * *")),
    { ...of(push), project: "q" },
  ].map(laneOf);
  expect(new Set(lanes).size).toBe(lanes.length);
  expect(laneOf(of({ ...push, occurredAtMs: 9 }))).toBe(laneOf(of(push)));
});

test("a rerun is newer than its run, also in the same millisecond; runs are ordered by time", () => {
  const first = orderOf({ createdAtMs: 1_000, runId: "run_z" });
  expect(orderOf({ createdAtMs: 1_000, runId: "run_a", rerunOf: "run_z" }) > first).toBe(true);
  expect(orderOf({ createdAtMs: 10_000, runId: "run_a" }) > first).toBe(true);
});

describe("what is told apart under a name", () => {
  test("is told in words", () => {
    const words = [pull("main", 7), { ...base, event: "tag", tag: "v1" }, push, undefined].map((trigger) =>
      aboutOf({ trigger: trigger as RunTrigger | undefined }),
    );
    expect(words).toEqual(["pull request 7", "tag v1", "push to topic", "push to ?"]);
    expect(aboutOf({ trigger: { ...base, event: "schedule", branch: "main", cron: "0 3 * * *" } })).toBe(
      "schedule 0 3 * * * on main",
    );
  });

  test("has a lane by name where GitHub takes two for one, and else the run's own", () => {
    const run = of(push);
    const lane = laneOf(run);
    expect(lane).toMatch(/^[0-9a-f]{20}$/);
    expect(laneUnder({ surface: "checks", name: "CI" } as never, run)).toBe(lane);
    expect(laneUnder({ surface: "statuses", name: "ci" } as never, run)).toBe(lane);
    const [upper, other] = ["CI", "Ci"].map((name) => laneUnder({ surface: "statuses", name } as never, run));
    expect(new Set([lane, upper, other]).size).toBe(3);
    expect(upper).toHaveLength(20);
  });

  test("marks what is cut, or not plain, by ten digits or fewer at its end", () => {
    const name = statusName(of(pull("x".repeat(300))), "test");
    expect(name).toMatch(/ ~[0-9a-f]{4,16}$/);
    expect(name).toHaveLength(255);
  });
});
