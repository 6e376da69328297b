import { z } from "zod";
import type { Clock } from "../../shared/lib/clock.ts";
import { wait } from "../wait.ts";
import type { InstanceMetadata } from "./instance-metadata.ts";

/** As often as AWS advises (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html). */
const LOOK_MS = 5_000;

const instanceAction = z.object({ action: z.string(), time: z.iso.datetime() });

export interface SpotNotice {
  /** `terminate`, `stop` or `hibernate`. */
  readonly action: string;
  readonly inMs: number;
}

/**
 * Waits for the notice that EC2 takes the instance away, usually two minutes before. Undefined where the signal came
 * first. `onTrouble` hears when the metadata cannot be read, once until it can be again.
 */
export async function spotNotice(
  deps: { readonly metadata: InstanceMetadata; readonly clock: Clock; readonly onTrouble: (error: unknown) => void },
  signal: AbortSignal,
): Promise<SpotNotice | undefined> {
  let told = false;
  while (!signal.aborted) {
    try {
      const text = await deps.metadata.read("spot/instance-action");
      if (text !== undefined) return noticeOf(text, deps.clock);
      told = false;
    } catch (error) {
      if (!told) deps.onTrouble(error);
      told = true;
    }
    await wait(LOOK_MS, signal);
  }
  return undefined;
}

function noticeOf(text: string, clock: Clock): SpotNotice {
  const { action, time } = instanceAction.parse(JSON.parse(text));
  return { action, inMs: Math.max(0, Date.parse(time) - clock.nowMs()) };
}
