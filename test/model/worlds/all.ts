import type { World } from "../world.ts";
import { cancelAndRerun } from "./cancel-and-rerun.ts";
import { deadlines } from "./deadlines.ts";
import { dependency } from "./dependency.ts";
import { fanIn } from "./fan-in.ts";
import { fork } from "./fork.ts";
import { namedCheck } from "./named-check.ts";
import { oneJob } from "./one-job.ts";
import { stop } from "./stop.ts";
import { threshold } from "./threshold.ts";
import { ticks } from "./ticks.ts";

/** Every world, smallest first. */
export const WORLDS: readonly World[] = [
  ticks,
  fork,
  oneJob,
  stop,
  deadlines,
  dependency,
  threshold,
  namedCheck,
  fanIn,
  cancelAndRerun,
];
