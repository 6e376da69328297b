import type { CallOptions, CallReply, Client } from "./client.ts";

export type RunJobs = Omit<CallReply<"listJobs">, "next">;

/** A run with all of its jobs, however many pages they are; the run and its checks are the last page's. */
export async function listAllJobs(client: Client, run: string, options: CallOptions = {}): Promise<RunJobs> {
  const jobs: RunJobs["jobs"] = [];
  for (;;) {
    const query = jobs.length === 0 ? {} : { query: { from: jobs.length } };
    const { next, ...page } = await client.call("listJobs", { params: { run }, ...query }, options);
    jobs.push(...page.jobs);
    if (next === undefined || page.jobs.length === 0) return { ...page, jobs };
  }
}
