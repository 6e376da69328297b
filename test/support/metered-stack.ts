import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../localstack/free-port.ts";
import { spawnStack } from "../../localstack/spawn-stack.ts";
import { type Client, makeClient } from "../../shared/protocol/client.ts";
import { eventually } from "./eventually.ts";
import { parseSamples, type Samples } from "./request-counts.ts";
import { spawnRunner } from "./runner-process.ts";

/** A stack and a runner, both of whose counters can be read. */
export interface MeteredStack {
  readonly client: Client;
  samples(): Promise<Samples>;
  /** Waits, without asking the control plane, until the runner has heard that the run's last attempt was taken. */
  attemptEnds(runId: string): Promise<void>;
  stop(): Promise<void>;
}

const METRICS_TOKEN = "a-token-for-the-counters";
const headers = { authorization: `Bearer ${METRICS_TOKEN}` };

export async function startMeteredStack(): Promise<MeteredStack> {
  const stateDir = mkdtempSync(join(tmpdir(), "baton-metered-"));
  const stack = await spawnStack({ stateDir, memory: true });
  const client = makeClient({ url: stack.url, token: stack.token });
  const port = await freePort();
  const metricsToken = join(stateDir, "metrics-token");
  writeFileSync(metricsToken, METRICS_TOKEN);
  const args = ["--slots", "1", "--metrics-port", String(port), "--metrics-token-file", metricsToken];
  const runner = await spawnRunner({ url: stack.url, token: stack.token, args });
  await runner.heard("ready");
  const ofRunner = async () => (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  await eventually("the runner's counters can be read", () => ofRunner().then(() => true));
  return {
    client,
    samples: async () => parseSamples(...(await Promise.all([client.call("metrics", {}), ofRunner()]))),
    async attemptEnds(runId) {
      await eventually(`the attempt of ${runId} ends`, () =>
        runner.events.some((event) => event.type === "attempt_ended" && event.run === runId),
      );
    },
    async stop() {
      await runner.discard();
      await stack.stop();
      rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
