import { randomBytes } from "node:crypto";
import type { Client } from "../../shared/protocol/client.ts";
import { SCOPES } from "../../shared/protocol/tokens.ts";

/** One kind of caller: its token, and the ids of what exists, which its requests name more often than not. */
export interface Caller {
  readonly kind: string;
  readonly token: string | undefined;
  readonly ids: Readonly<Record<"run" | "job" | "fence" | "project" | "pool", readonly (string | number)[]>>;
  /** Operations that would take the caller's own right away, and leave the others with nothing but refusals. */
  readonly leftOut: readonly string[];
  /** Renews what the caller holds. */
  readonly renew?: () => Promise<void>;
}

const JOB = "probe";
const PROJECT = "fuzz";
const POOL = "default";
const DEFINITION = `pipeline: fuzz\njobs:\n  ${JOB}: {run: "true", timeout: 1h}\n  after: {run: "true", needs: ${JOB}, secrets: [TOKEN]}\n`;

/** Who may revoke tokens comes last: it may revoke any. */
const API_KINDS = SCOPES.filter((scope) => scope !== "admin");
export const KINDS = ["none", ...API_KINDS, "session", "lease", "lease-ending", "admin", "admin-revoking"] as const;
export type Kind = (typeof KINDS)[number];

/** A fresh caller of that kind, with a run of its own in the project that all of them share. */
export async function makeCaller(admin: Client, kind: Kind): Promise<Caller> {
  const { run } = await admin.call("createRun", {
    body: { project: PROJECT, definition: { path: "fuzz.yml", text: DEFINITION } },
  });
  const ids = { run: [run.id], job: [JOB, "after"], fence: [1], project: [PROJECT], pool: [POOL] };
  const caller = { kind, ids, leftOut: [] };
  if (kind === "none") return { ...caller, token: undefined };
  if (kind !== "session" && kind !== "lease" && kind !== "lease-ending") {
    const scope = kind === "admin-revoking" ? "admin" : kind;
    const { token } = await admin.call("createToken", { body: { name: `fuzz-${kind}`, scopes: [scope] } });
    return { ...caller, token, leftOut: kind === "admin" ? ["revokeToken"] : [] };
  }
  const session = await admin.call("openSession", { body: { name: "fuzz", pools: [POOL], slots: 1 } });
  if (kind === "session") return { ...caller, token: session.sessionToken };
  const claim = {
    params: { run: run.id, job: JOB },
    body: { claimId: randomBytes(18).toString("base64url"), fence: 0 },
  };
  const { leaseToken: token, fence } = await admin.call("claim", claim, { token: session.sessionToken });
  const params = { run: run.id, job: JOB, fence };
  await admin.call("ack", { params }, { token });
  const renew = async () => {
    await admin.call("heartbeat", { params, body: { phase: "running", step: 0, logBytes: 0 } }, { token });
  };
  const held = { ...ids, job: [JOB], fence: [fence] };
  return kind === "lease"
    ? { ...caller, token, ids: held, leftOut: ["complete", "release", "cancelAck"], renew }
    : { ...caller, token, ids: held };
}

/** The project that all callers share, so that its paths lead somewhere. No forge can be reached from here. */
export async function makeProject(admin: Client): Promise<void> {
  const forge = { kind: "github", repository: "acme/fuzz", credentials: "none" } as const;
  await admin.call("addProject", { body: { name: PROJECT, forge } });
}
