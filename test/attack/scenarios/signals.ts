import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../shared/lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import type { Attack } from "../attack.ts";
import { BATON } from "../command.ts";
import { isReady } from "../field.ts";

/** A runner that was started as nohup, a script's background and a strict host start it. */

const RUN_MS = 120_000;
const DRAINED_MS = 15_000;

/** Becomes `baton runner` by way of the command's own script, with what stands before its first option left out. */
const STARTED = `trap '' HUP INT QUIT USR1; ulimit -n 256; ulimit -c 0
while [ "$1" != --url ]; do shift; done; exec "${BATON}" runner "$@"`;

/** Two processes that write down each SIGTERM, and live on for a second one. */
const counting = (file: string) => {
  const count = (name: string) => `trap "echo ${name} >> '${file}'" TERM; while :; do sleep 0.2; done`;
  return `sh -c '${count("child").replaceAll("'", `'\\''`)}' &\n${count("step")}`;
};

export const signalAttacks: readonly Attack[] = [
  {
    name: "signals-inherited",
    invariants: [8, 13],
    about:
      "a runner that was started with SIGHUP, SIGINT, SIGQUIT and SIGUSR1 ignored and 256 descriptors gets them all, then a stop request. Recovery: SIGTERM → drained",
    short: true,
    async strike(field) {
      const victim = await field.addRunner({ slots: 3, by: ["sh", "-c", STARTED] });
      await isReady(victim);
      const terms = join(field.dir, "terms");
      const [stopped, goes, asUsual] = await Promise.all([
        field.createRun([{ id: "stopped", bytes: 1_000, timeout: "3s", state: "timed_out", script: counting(terms) }]),
        field.createRun([{ id: "goes", bytes: 1_000, beats: 60 }]),
        // A step starts with every signal as usual, whatever its runner ignores.
        field.createRun([
          { id: "usual", bytes: 1_000, script: "grep -q '^SigIgn:.0000000000000000$' /proc/self/status || exit 9" },
        ]),
      ]);
      await field.sees(goes, "goes", "alive");
      for (const name of ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1"] as const) victim.child.kill(name);
      for (const run of [stopped, goes, asUsual]) await field.runEnds(run, RUN_MS);
      const heard = existsSync(terms) ? readFileSync(terms, "utf8").trim().split("\n").sort() : [];
      const wrong = heard.join() === "child,step" ? [] : [`SIGTERMs of a stop: ${heard.join(", ") || "none"}`];

      const last = await field.createRun([{ id: "last", bytes: 1_000, beats: 10 }]);
      await field.sees(last, "last", "alive");
      const atMs = systemClock.monotonicMs();
      victim.child.kill("SIGTERM");
      const end = await eventually("the runner has drained", () => exitOf(victim.child), RUN_MS);
      const ms = Math.round(systemClock.monotonicMs() - atMs);
      if (end.code !== 0) wrong.push(`the runner ended with ${end.code ?? end.signal}`);
      await field.runEnds(last, RUN_MS);
      return {
        faults: 5,
        recoveriesMs: [ms],
        goals: [{ what: "the runner drains by SIGTERM", ms, atMostMs: DRAINED_MS }],
        counts: { wrongVerdicts: wrong.length },
        findings: wrong,
      };
    },
  },
];

const exitOf = ({ exitCode, signalCode }: { exitCode: number | null; signalCode: NodeJS.Signals | null }) =>
  exitCode === null && signalCode === null ? undefined : { code: exitCode, signal: signalCode };
