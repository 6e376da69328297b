import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { MUTANTS } from "./mutants/mutants.ts";

const run = promisify(execFile);
const hunt = fileURLToPath(new URL("./mutants/main.ts", import.meta.url));
const HUNT_MAX_MS = 120_000;

const caughtSchema = z.object({ mutant: z.string(), seed: z.number().optional(), message: z.string() });

/** In a process of its own: a mutant is the real source with one change, loaded by a hook of Node's. */
test(
  `each of ${MUTANTS.length} faults that are planted in the real sources is found by the simulator`,
  async () => {
    const { stdout } = await run(process.execPath, [hunt]).catch((error: { stdout: string }) => error);
    const caught = stdout
      .trim()
      .split("\n")
      .map((line) => caughtSchema.parse(JSON.parse(line)));
    expect(caught.filter(({ seed }) => seed === undefined)).toEqual([]);
    expect(caught.map(({ mutant }) => mutant)).toEqual(MUTANTS.map(({ name }) => name));
  },
  HUNT_MAX_MS,
);
