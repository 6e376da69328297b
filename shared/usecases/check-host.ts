import { DomainError } from "../domain/errors.ts";
import { HOST_PROOF_MS } from "../domain/limits.ts";
import type { Clock } from "../lib/clock.ts";
import { type HostProof, proofOfToken, signedAtMs } from "../protocol/host-proof.ts";
import type { Principal } from "./manage-tokens.ts";

/** A role whose instances are hosts of this control plane, and the pools that they serve. */
export interface HostRole {
  readonly arn: string;
  readonly pools: readonly string[];
}

/** Asks STS whose signature a proof has. The ARN; undefined where STS refuses it. Throws where STS does not answer. */
export type IdentifyCaller = (proof: HostProof) => Promise<string | undefined>;

/** Who a host's proof is of. Throws `unauthorized`. */
export type HostCheck = (token: string) => Promise<Principal>;

const ROLE = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(?:[\x21-\x7e]*\/)?([\w+=,.@-]{1,64})$/;
/** EC2 alone names a role's session after the instance, and the role must trust nobody else. */
const INSTANCE = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/(i-[0-9a-f]{8,17})$/;

export const isRoleArn = (arn: string): boolean => ROLE.test(arn);

/** Takes proofs of instances of these roles, of the last minute. Each is good for one session: `spendProof`. */
export function makeHostCheck(deps: {
  readonly identify: IdentifyCaller;
  readonly roles: readonly HostRole[];
  readonly clock: Clock;
}): HostCheck {
  return async (token) => {
    const proof = proofOfToken(token);
    if (proof === undefined) throw new DomainError("unauthorized", "this is no host's proof");
    const ageMs = deps.clock.nowMs() - signedAtMs(proof);
    // Also where the date is none: a comparison with it is never true.
    if (!(Math.abs(ageMs) <= HOST_PROOF_MS))
      throw new DomainError(
        "unauthorized",
        `this host's proof was not signed within ${HOST_PROOF_MS / 1_000} s of now`,
      );
    const arn = await deps.identify(proof);
    if (arn === undefined) throw new DomainError("unauthorized", "STS refused this host's proof");
    return hostOf(deps.roles, proof, arn);
  };
}

function hostOf(roles: readonly HostRole[], proof: HostProof, arn: string): Principal {
  const [, partition, account, name, instanceId] = INSTANCE.exec(arn) ?? [];
  const role = roles.find((one) => {
    const [, ofPartition, ofAccount, ofName] = ROLE.exec(one.arn) ?? [];
    return instanceId !== undefined && partition === ofPartition && account === ofAccount && name === ofName;
  });
  if (role === undefined || instanceId === undefined)
    throw new DomainError("unauthorized", "this proof is of no instance with a role that this control plane takes");
  return { tokenId: role.arn, name: instanceId, scopes: ["runner"], pools: role.pools, proof: proof.signature };
}
