import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { MUTANTS } from "./mutants/mutants.ts";

const run = promisify(execFile);
const SIM = fileURLToPath(new URL("./main.ts", import.meta.url));
const HUNT_MAX_MS = 400_000;

const caughtSchema = z.object({
  mutants: z.array(z.object({ name: z.string(), seed: z.number().optional(), message: z.string() })),
});

/** In a process of its own: a mutant is the real source with one change, loaded by a hook of Node's. */
test(
  `each of ${MUTANTS.length} faults that are planted in the real sources is found by the simulator`,
  async () => {
    const { stdout } = await run(process.execPath, [SIM, "--mutants", "--json"]).catch(
      (error: { stdout: string }) => error,
    );
    const { mutants } = caughtSchema.parse(JSON.parse(stdout));
    expect(mutants.filter(({ seed }) => seed === undefined)).toEqual([]);
    expect(mutants.map(({ name }) => name)).toEqual(MUTANTS.map(({ name }) => name));
  },
  HUNT_MAX_MS,
);
