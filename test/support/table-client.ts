import { spawn } from "node:child_process";
import type { Agent } from "node:http";
import { fileURLToPath } from "node:url";
import { ENGINE_PORT, type TableReach } from "../../localstack/dynamo-engine.ts";
import { connectorAgent } from "../../localstack/engine-sockets.ts";
import type { SpawnedStack } from "../../localstack/spawn-stack.ts";

interface TableClient {
  readonly endpoint: string;
  readonly requestHandler?: { httpAgent: Agent };
}

/** A DynamoDB client's options for an engine of this process. */
export const tableClient = ({ endpoint, agent }: TableReach): TableClient => ({
  endpoint,
  ...(agent === undefined ? {} : { requestHandler: { httpAgent: agent } }),
});

const CONNECTOR = fileURLToPath(new URL("../../localstack/engine-connector.mjs", import.meta.url));

/** The same for another process's engine, whose namespace its owner may enter. The connector ends with this process. */
export function othersTableClient({ tableUrl, enginePid, exposed }: OthersTable): TableClient {
  if (exposed !== undefined) return { endpoint: tableUrl };
  const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
  const enter = ["--target", String(enginePid), ...user, "--net", process.execPath, CONNECTOR, String(ENGINE_PORT)];
  const child = spawn("nsenter", enter, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  child.unref();
  child.channel?.unref();
  return tableClient({ endpoint: tableUrl, agent: connectorAgent(child) });
}
export type OthersTable = Pick<SpawnedStack, "tableUrl" | "enginePid" | "exposed">;
