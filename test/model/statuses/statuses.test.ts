import { expect, test } from "vitest";
import { worstEntry } from "../../../shared/domain/status-moves.ts";
import type { StatusEntry } from "../../../shared/store/report-items.ts";
import { type Execution, exploreSchedules } from "./schedule.ts";
import { makeStatusWorld, PLANTED, type Planted, STEPS_MS } from "./status-world.ts";

/**
 * Invariant 24: what is shown of a commit under one name is the worst of its current runs. The real sender, in every order of the
 * calls of two reporters, each call as late as it may be, with one of them dying at any of its calls.
 */

interface Report {
  readonly lane: string;
  readonly look: StatusEntry;
}

function report(lane: string, runId: string, version: number, conclusion?: string): Report {
  const ended =
    conclusion === undefined ? ({ state: "queued" } as const) : ({ state: "completed", conclusion } as const);
  return {
    lane,
    look: { runId, order: runId, version, ...ended, title: runId, about: "", digest: `${runId}/${version}` },
  };
}

interface World {
  readonly name: string;
  readonly surface: "checks" | "statuses";
  /** Shown before the others begin. */
  readonly before: readonly Report[];
  readonly reports: readonly [Report, Report];
}

const TALES: readonly Omit<World, "surface">[] = [
  {
    name: "one passes and one fails, for the first time",
    before: [],
    reports: [report("a", "run_1", 1, "failure"), report("b", "run_2", 1, "success")],
  },
  {
    name: "a rerun passes while another run fails",
    before: [report("a", "run_1", 1, "failure")],
    reports: [report("a", "run_3", 1, "success"), report("b", "run_2", 1, "failure")],
  },
  {
    name: "a rerun begins while the end of its run is reported late",
    before: [report("a", "run_1", 1)],
    reports: [report("a", "run_1", 2, "success"), report("a", "run_2", 1)],
  },
  {
    name: "two reporters of one run, the older look late",
    before: [report("a", "run_1", 1)],
    reports: [report("a", "run_1", 2), report("a", "run_1", 3, "failure")],
  },
];

const WORLDS = (["checks", "statuses"] as const).flatMap((surface) =>
  TALES.map((tale): World => ({ ...tale, surface })),
);

type Pace = keyof typeof STEPS_MS;
const PACES: readonly Pace[] = ["slow", "quick"];

/** After everything has ended or died, the outboxes send again what was not acknowledged. */
function executionOf({ surface, before, reports }: World, pace: Pace, planted: Planted): Execution {
  const statuses = makeStatusWorld(surface, STEPS_MS[pace], planted);
  const acknowledged = new Set<Report>();
  const refused = new Set<Report>();
  const prepared = (async () => {
    for (const { lane, look } of before) await statuses.retry(lane, look, false);
  })();
  return {
    start: (stepper) =>
      reports.map(async (one, program) => {
        await prepared;
        await statuses.report(stepper, program, one.lane, one.look).then(
          () => acknowledged.add(one),
          () => refused.add(one),
        );
      }),
    async end() {
      for (const one of [...reports, ...reports]) {
        if (acknowledged.has(one)) continue;
        await statuses.retry(one.lane, one.look, !refused.has(one));
        acknowledged.add(one);
      }
      const { state, conclusion } = statuses.shown() ?? {};
      const worst = worstEntry(currentOf([...before, ...reports]));
      expect([state, conclusion]).toEqual([worst?.state, worst?.conclusion]);
      expect(statuses.item()).toMatchObject({ state: "idle" });
    },
  };
}

/** By lane the newest look at the newest run, whatever was written. */
function currentOf(reports: readonly Report[]): Record<string, StatusEntry> {
  const byAge = reports.toSorted((a, b) =>
    `${a.look.order} ${a.look.version}` < `${b.look.order} ${b.look.version}` ? -1 : 1,
  );
  return Object.fromEntries(byAge.map(({ lane, look }) => [lane, look]));
}

const LIMITS = { deathsMax: 1, turnsMax: 3, schedulesMax: 60_000 };

test.each(PACES.flatMap((pace) => WORLDS.map((world) => [world.name, world.surface, pace, world] as const)))(
  "%s, as %s, at a %s pace: the worst is shown in the end",
  async (_name, _surface, pace, world) => {
    expect(await exploreSchedules(() => executionOf(world, pace, "none"), LIMITS)).toBeGreaterThan(100);
  },
);

test.each(PLANTED)("caught: %s", async (planted) => {
  const broken: string[] = [];
  for (const pace of PACES)
    for (const world of WORLDS)
      await exploreSchedules(() => executionOf(world, pace, planted), LIMITS).catch((error: unknown) =>
        broken.push(String(error)),
      );
  expect(broken).not.toEqual([]);
});
