import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../shared/lib/clock.ts";
import type { Attack } from "../attack.ts";
import type { Task } from "../plan.ts";

/** Steps that do what steps should not. */

const RUN_MS = 240_000;
const GIB = 2 ** 30;
const LARGE_SHORT = GIB / 8;
const UNIT_BYTES = 65_536;

export const stepAttacks: readonly Attack[] = [
  {
    name: "steps-hostile",
    invariants: [8, 11, 13],
    about:
      "steps that fork away, ignore SIGTERM, print 1 GiB, no newline, invalid UTF-8. Recovery: birth → the run's end",
    short: true,
    async strike(field, short) {
      await field.addRunner({ slots: 2 });
      const file = (name: string, content: Buffer) => {
        const path = join(field.dir, name);
        writeFileSync(path, content);
        return { path, content, times: 40 };
      };
      const noise = Buffer.from(Array.from({ length: UNIT_BYTES }, () => field.dice.between(0, 255)));
      const tasks: readonly Task[] = [
        {
          id: "forks",
          bytes: 1_000,
          script:
            "(sleep 600 &)\nsetsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &\nsetsid sleep 600 > /dev/null 2>&1 &",
        },
        {
          id: "stubborn",
          bytes: 1_000,
          timeout: "3s",
          state: "timed_out",
          script: "trap '' TERM INT HUP\nwhile :; do sleep 0.2; say alive; done",
        },
        { id: "large", bytes: short ? LARGE_SHORT : GIB },
        { id: "no-newline", file: file("x", Buffer.alloc(UNIT_BYTES, "x")) },
        { id: "noise", file: file("noise", noise) },
        { id: "flood", bytes: 200_000, script: "(yes flood > /dev/null &)", exit: 4 },
      ];
      const sinceMs = systemClock.monotonicMs();
      const runs = await Promise.all(tasks.map((task) => field.createRun([task])));
      const recoveriesMs: number[] = [];
      for (const run of runs) {
        await field.runEnds(run, RUN_MS);
        recoveriesMs.push(systemClock.monotonicMs() - sinceMs);
      }
      return { faults: tasks.length, recoveriesMs };
    },
  },
];
