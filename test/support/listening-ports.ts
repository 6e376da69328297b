import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { systemCode } from "../../shared/lib/system-code.ts";
import { processTree } from "./process-tree.ts";

/** Where a process and its descendants listen, as the machine's own network sees it: `[address, port]` of TCP. */

export interface ListeningSocket {
  readonly address: string;
  readonly port: number;
}

const LISTEN = "0A";

/** Sockets in another network namespace are not among them: nobody here can connect to those. */
export function listeningSockets(rootPid: number): ListeningSocket[] {
  const inodes = new Set(processTree(rootPid).flatMap(({ pid }) => socketInodes(pid)));
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((table) =>
    readFileSync(table, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && inodes.has(fields[9] ?? ""))
      .map(([, local = ""]) => socketOf(local)),
  );
}

/** `0100007F:1F40`: the address's bytes are the machine's, the port's the network's. */
function socketOf(local: string): ListeningSocket {
  const [hex = "", port = ""] = local.split(":");
  const address =
    hex.length === 8 ? (hex.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)) : [hex];
  return { address: address.join("."), port: Number.parseInt(port, 16) };
}

function socketInodes(pid: number): string[] {
  const fds = orGone(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return fds.flatMap((fd) => {
    const link = orGone(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "";
    return /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [];
  });
}

function orGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
}
