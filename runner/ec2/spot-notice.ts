import { type HostNotice, hostNotice } from "../host-notice.ts";
import { wait } from "../wait.ts";
import type { InstanceMetadata } from "./instance-metadata.ts";

/** As often as AWS advises (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html). */
const LOOK_MS = 5_000;

/**
 * Waits for the notice that EC2 takes the instance away, usually two minutes before. Undefined where the signal came
 * first. `onTrouble` hears when the metadata cannot be read, once until it can be again.
 */
export async function spotNotice(
  deps: { readonly metadata: InstanceMetadata; readonly onTrouble: (error: unknown) => void },
  signal: AbortSignal,
): Promise<HostNotice | undefined> {
  let told = false;
  while (!signal.aborted) {
    try {
      const text = await deps.metadata.read("spot/instance-action");
      if (text !== undefined) return hostNotice.parse(JSON.parse(text));
      told = false;
    } catch (error) {
      if (!told) deps.onTrouble(error);
      told = true;
    }
    await wait(LOOK_MS, signal);
  }
  return undefined;
}
