import type { Agent } from "node:http";

/**
 * How this process reaches the table where an address alone is not enough: the embedded stack keeps its engine where
 * nobody else can connect to it.
 */

let tableAgent: Agent | undefined;

/** Clients that are made from now on connect by it. */
export function reachTableBy(agent: Agent): void {
  tableAgent = agent;
}

/** A DynamoDB client's options for it. */
export function tableTransport(): { requestHandler?: { httpAgent: Agent } } {
  return tableAgent === undefined ? {} : { requestHandler: { httpAgent: tableAgent } };
}
