import { exchangeOverHttp } from "../shared/lib/http-call.ts";

/** They are one hop away, and answer in milliseconds. */
const ANSWER_MAX_MS = 1_000;

/**
 * The first of these metadata services of EC2 that gives this process, and so its steps, what opens it (a token of IMDSv2);
 * undefined where none does. What else may answer there, as a proxy that takes every address, is none.
 */
export async function findMetadata(urls: readonly string[]): Promise<string | undefined> {
  const reached = await Promise.all(urls.map(async (url) => ((await opens(url)) ? url : undefined)));
  return reached.find((url) => url !== undefined);
}

async function opens(url: string): Promise<boolean> {
  const headers = { "x-aws-ec2-metadata-token-ttl-seconds": "1" };
  const call = { method: "PUT", url: `${url}/latest/api/token`, headers };
  try {
    return (await exchangeOverHttp(call, AbortSignal.timeout(ANSWER_MAX_MS))).status === 200;
  } catch {
    return false; // refused by a rule, dropped by a filter, or not there: all of it is what must be
  }
}
