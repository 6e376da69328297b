import { parseArgs } from "node:util";
import { startRecordingForge } from "./recording-forge.ts";

/**
 * A recording forge as a process: `node test/support/recording-forge-main.ts [--port N] [--token TOKEN]`. It prints its
 * address as `{"url": …}` and serves until it is ended. Whoever started it fills it and reads it by HTTP, below
 * `/_forge/repos/<owner>/<name>`: POST `…/commits` {branch, files, message, sha?}, POST `…/pulls` {number, branch, sha, from?},
 * GET for {checkRuns, statuses, comments, branches}. POST /_forge/faults (`FaultChange`) makes it fail, DELETE heals it.
 */
const { values } = parseArgs({ options: { port: { type: "string" }, token: { type: "string", default: "ghp_test" } } });
const forge = await startRecordingForge({
  tokens: { [values.token]: "baton-bot" },
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
});
process.stdout.write(`${JSON.stringify({ url: forge.url })}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void forge.stop());
