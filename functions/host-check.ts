import { DomainError } from "../shared/domain/errors.ts";
import { systemClock } from "../shared/lib/clock.ts";
import { openCall } from "../shared/lib/http-call.ts";
import { messageOf } from "../shared/lib/message-of.ts";
import { type HostProof, proofQuery, regionalSts, SERVER_HEADER } from "../shared/protocol/host-proof.ts";
import { type HostCheck, type IdentifyCaller, makeHostCheck } from "../shared/usecases/check-host.ts";
import type { Environment } from "./environment.ts";

const TIMEOUT_MS = 5_000;
/** An answer has some 600 bytes. */
const ANSWER_BYTES_MAX = 16_384;
const ARN = /<Arn>([^<>]*)<\/Arn>/g;

type Places = Pick<Environment, "AWS_REGION" | "AWS_ENDPOINT_URL_STS" | "BATON_HOST_AUDIENCE" | "BATON_HOST_ROLES">;

/** The check of hosts' proofs, where the environment names their roles. */
export function hostCheck(environment: Places): { checkHost?: HostCheck } {
  const { BATON_HOST_ROLES: roles, BATON_HOST_AUDIENCE: audience, AWS_REGION: region } = environment;
  if (roles === undefined || audience === undefined) return {};
  const endpoint = environment.AWS_ENDPOINT_URL_STS ?? regionalSts(region);
  const identify = identifyAtSts({ endpoint, region, audience });
  return { checkHost: makeHostCheck({ identify, roles, clock: systemClock }) };
}

/**
 * Sends what the host signed to STS, and to no other place: address, action, headers and method are this function's own
 * (SECURITY 33), and no redirect is followed. A proof of anything else has a signature that STS does not find.
 */
export function identifyAtSts(at: {
  readonly endpoint: string;
  readonly region: string;
  readonly audience: string;
}): IdentifyCaller {
  return async (proof) => {
    const { status, text } = await ask(at, proof);
    if (status === 200) return onlyArn(text);
    // Of its own calls STS says 400 and 403; the last is throttling, by its word and not by its status.
    if ((status === 400 || status === 403) && !text.includes("Throttl")) return undefined;
    throw new DomainError("not_ready", `STS could not check this host's proof now: it answered ${status}`);
  };
}

async function ask(
  { endpoint, region, audience }: Parameters<typeof identifyAtSts>[0],
  proof: HostProof,
): Promise<{ status: number; text: string }> {
  const signed = [...proofQuery(proof, region), ["X-Amz-Signature", proof.signature] as const];
  const query = signed.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  const call = { method: "GET", url: `${endpoint}/?${query}`, headers: { [SERVER_HEADER]: audience } };
  try {
    const response = await openCall(call, AbortSignal.timeout(TIMEOUT_MS));
    response.setEncoding("utf8");
    let text = "";
    for await (const part of response) {
      text += part;
      if (text.length > ANSWER_BYTES_MAX) throw new Error("its answer is too long");
    }
    return { status: response.statusCode ?? 0, text };
  } catch (cause) {
    const message = `STS could not check this host's proof now: ${messageOf(cause)}`;
    throw new DomainError("not_ready", message, undefined, { cause });
  }
}

/** STS answers in XML, with one ARN. */
function onlyArn(text: string): string {
  const [found, ...more] = [...text.matchAll(ARN)];
  if (found?.[1] === undefined || more.length > 0) throw new Error("STS answered no caller's identity");
  return found[1];
}
