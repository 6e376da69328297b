import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRunEnded } from "../../../shared/domain/verdict.ts";
import { systemClock } from "../../../shared/lib/clock.ts";
import { makeClient } from "../../../shared/protocol/client.ts";
import { eventually } from "../../support/eventually.ts";
import type { Attack } from "../attack.ts";
import { startCommand } from "../command.ts";
import type { Field } from "../field.ts";
import { makeLossMeter } from "../log-loss.ts";
import { exactly, joined, repeated } from "../output.ts";
import { openLogOf } from "../read-log.ts";

/** Programs that serve, whose own output takes nothing. */

const RUN_MS = 120_000;
const PRINTED_BYTES = 500_000;
const SERVING_MS = 60_000;

/** What becomes of standard output and standard error, in bash. */
const OUTPUTS: Readonly<Record<string, string>> = {
  "a full device": 'exec "$@" > /dev/full 2>&1',
  "a pipe without a reader": 'exec "$@" > >(exec true) 2>&1',
  "a reader that does not read": 'exec "$@" > >(exec sleep 20) 2>&1',
  "closed descriptors": 'exec "$@" >&- 2>&-',
};

export const outputAttacks: readonly Attack[] = [
  {
    name: "output-full",
    invariants: [5, 11, 12],
    about:
      "standard output and error of runners, and of `baton up`, take nothing: /dev/full, a pipe whose reader is gone or does not read, closed descriptors. Recovery: birth → the run's end",
    short: true,
    async strike(field, short) {
      const recoveriesMs: number[] = [];
      for (const redirection of Object.values(OUTPUTS)) {
        const runner = await field.addRunner({ slots: 1, by: ["bash", "--norc", "-c", redirection, "redirect"] });
        for (let round = 0; round < (short ? 1 : 5); round += 1) {
          const sinceMs = systemClock.monotonicMs();
          const run = await field.createRun([{ id: "prints", bytes: PRINTED_BYTES, beats: 5 }]);
          await field.runEnds(run, RUN_MS);
          recoveriesMs.push(systemClock.monotonicMs() - sinceMs);
        }
        runner.child.kill("SIGKILL");
        await runner.exited;
      }
      const found: string[] = [];
      let lostLogBytes = 0;
      for (const [name, redirection] of Object.entries(OUTPUTS).slice(0, short ? 1 : undefined)) {
        const served = await upWith(field, name, redirection);
        lostLogBytes += served.lost;
        found.push(...served.wrong.map((one) => `baton up with ${name}: ${one}`));
      }
      return {
        faults: recoveriesMs.length,
        recoveriesMs,
        counts: { wrongVerdicts: found.length, lostLogBytes },
        findings: found,
      };
    },
  },
];

/** One job by a `baton up` of its own, whose output is redirected so. */
async function upWith(field: Field, name: string, redirection: string): Promise<{ lost: number; wrong: string[] }> {
  const state = join(field.dir, `up-${name.replaceAll(" ", "-")}`);
  const by = ["bash", "--norc", "-c", redirection, "redirect"];
  const args = ["up", "--port", "0", "--slots", "1", "--state", state];
  const up = startCommand(args, { cwd: field.dir, env: {}, by });
  try {
    const log = join(state, "stack.log");
    const url = await eventually(
      `baton up with ${name} serves`,
      () => existsSync(log) && /"kind":"ready","url":"([^"]+)"/.exec(readFileSync(log, "utf8"))?.[1],
      SERVING_MS,
    );
    const client = makeClient({ url, token: readFileSync(join(state, "token"), "utf8").trim() });
    const text = JSON.stringify({ jobs: { prints: { run: `yes printed | head -c ${PRINTED_BYTES}` } } });
    const { run } = await client.call("createRun", { body: { definition: { path: "up.yml", text } } });
    const look = async () => {
      const seen = await client.call("getRun", { params: { run: run.id } });
      return isRunEnded(seen.run.state) ? seen.run : undefined;
    };
    const ended = await eventually(`the run of baton up with ${name} ends`, look, RUN_MS, 100);
    const written = joined(exactly("--- step 1/1: run\n"), repeated(Buffer.from("printed\n"), PRINTED_BYTES));
    const meter = makeLossMeter(written);
    const kept = await openLogOf(client, { run: run.id, job: "prints", fence: 1 });
    for await (const piece of kept.pieces) meter.add(piece);
    up.child.kill("SIGTERM");
    const { code } = await up.ended;
    const wrong = [
      ...(ended.state === "succeeded" ? [] : [`the run is ${ended.state}`]),
      ...(code === 143 ? [] : [`it ended with ${code}`]),
    ];
    return { lost: meter.total(kept.gaps), wrong };
  } finally {
    up.child.kill("SIGKILL");
  }
}
