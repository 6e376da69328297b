import { ASSUMED_GIGABYTES, ASSUMED_SECONDS, PRICES } from "../shared/prices.ts";

/** How often a runner polls through the API, and what that costs beside the queue's own long poll, at list prices. */

const MONTH_SECONDS = 30 * 86_400;
const QUEUE_POLL_SECONDS = 20;

/** How long one call waits for an offer: the least with which SQS asks all of its servers, and not some. */
export const POLL_WAIT_SECONDS = 1;
const IDLE_FIRST_MS = 1_000;
const IDLE_MAX_MS = 15_000;

/** The pause after so many polls in a row that brought nothing: how late an offer may be seen. */
export function idlePauseMs(quiet: number): number {
  return Math.min(IDLE_MAX_MS, IDLE_FIRST_MS * 2 ** Math.max(0, quiet - 1));
}

/** US dollars a month for one pool of a runner that has nothing to do. */
export function idlePollPrice(poll: "queue" | "api"): number {
  if (poll === "queue") return (MONTH_SECONDS / QUEUE_POLL_SECONDS) * PRICES.sqsRequest;
  const everySeconds = POLL_WAIT_SECONDS + IDLE_MAX_MS / 1_000;
  const gigabyteSeconds = (POLL_WAIT_SECONDS + ASSUMED_SECONDS) * ASSUMED_GIGABYTES;
  const invocation = PRICES.lambdaRequest + gigabyteSeconds * PRICES.lambdaGigabyteSecond;
  const each = PRICES.httpApiRequest + invocation + PRICES.sqsRequest;
  return (MONTH_SECONDS / everySeconds) * each;
}
