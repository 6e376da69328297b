import type { Clock } from "../../shared/lib/clock.ts";
import { messageOf } from "../../shared/lib/message-of.ts";
import type { Emit, RunnerEvent } from "../events.ts";
import { openAutoScaling } from "./auto-scaling.ts";
import { type InstanceMetadata, openInstanceMetadata } from "./instance-metadata.ts";
import { makeScaleInProtection } from "./scale-in-protection.ts";
import { spotNotice } from "./spot-notice.ts";

/** Kept of the time until the instance goes: to end steps and give leases back. */
const LAST_MS = 20_000;

/** A runner on an EC2 instance (`--ec2`): drains on a spot notice, and is not scaled in while it holds a lease. */
export interface WatchedInstance {
  /** Hears what the runner does. */
  heard(event: RunnerEvent): void;
  close(): Promise<void>;
}

export function watchInstance(deps: {
  readonly metadataUrl: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Takes no more offers; attempts have so long to end. */
  readonly drain: (reason: string, withinMs: number) => void;
}): WatchedInstance {
  const { clock, emit } = deps;
  const metadata = openInstanceMetadata(deps.metadataUrl, clock);
  const closing = new AbortController();
  const trouble = (what: string) => (error: unknown) =>
    emit({ type: "trouble", message: `${what}: ${messageOf(error)}` });
  const protection = makeScaleInProtection({
    set: protector(metadata),
    onTrouble: trouble("scale-in protection could not be set"),
  });
  let running = 0;

  async function heedNotice(): Promise<void> {
    const onTrouble = trouble("spot notices cannot be seen");
    const notice = await spotNotice({ metadata, clock, onTrouble }, closing.signal);
    if (notice === undefined) return;
    emit({ type: "interruption", ...notice });
    deps.drain(`EC2 will ${notice.action} this instance`, Math.max(0, notice.inMs - LAST_MS));
  }
  const noticing = heedNotice().catch(trouble("a spot notice could not be read"));

  return {
    heard(event) {
      if (event.type === "attempt_started") running += 1;
      else if (event.type === "attempt_ended") running -= 1;
      else return;
      protection.want(running > 0);
    },
    async close() {
      closing.abort();
      await Promise.all([noticing, protection.close()]);
    },
  };
}

/** Made at the first job, when the instance's own name is asked for. */
function protector(metadata: InstanceMetadata): (isProtected: boolean) => Promise<void> {
  let set: ((isProtected: boolean) => Promise<void>) | undefined;
  return async (isProtected) => {
    if (set === undefined) {
      const [region, instanceId] = await Promise.all([metadata.read("placement/region"), metadata.read("instance-id")]);
      if (region === undefined || instanceId === undefined) throw new Error("the metadata names no instance");
      set = openAutoScaling(region, instanceId);
    }
    await set(isProtected);
  };
}
