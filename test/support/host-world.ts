import { identifyAtSts } from "../../functions/host-check.ts";
import { type InstanceCredentials, type ProofPlace, signProof } from "../../runner/ec2/sign-proof.ts";
import { type HostProof, tokenOfProof } from "../../shared/protocol/host-proof.ts";
import { makeHostCheck } from "../../shared/usecases/check-host.ts";
import type { HttpRecorder } from "./http-recorder.ts";
import { type Answer, type HttpWorld, startHttpWorld } from "./http-world.ts";
import { type KnownCaller, startSts } from "./sts-server.ts";

export const INSTANCE = "i-0123456789abcdef0";
export const AUDIENCE = "baton.example.com";
export const REGION = "eu-central-1";
const ROLE = "arn:aws:iam::123456789012:role/baton/fleet-host";

const credentialsOf = (letter: string): InstanceCredentials => ({
  accessKeyId: `ASIA${letter.repeat(16)}`,
  secretAccessKey: `secret of ${letter}`,
  sessionToken: `FwoGZXIvYXdzE+/${letter}==`,
});
const assumed = (account: string, role: string, session: string) =>
  `arn:aws:sts::${account}:assumed-role/${role}/${session}`;

/** Whom STS knows: the fleet's instance, another one of it, and who is neither. */
export const CALLERS = {
  host: { ...credentialsOf("H"), arn: assumed("123456789012", "fleet-host", INSTANCE) },
  other: { ...credentialsOf("O"), arn: assumed("123456789012", "fleet-host", "i-0fedcba9876543210") },
  otherAccount: { ...credentialsOf("A"), arn: assumed("210987654321", "fleet-host", INSTANCE) },
  otherPartition: {
    ...credentialsOf("P"),
    arn: assumed("123456789012", "fleet-host", INSTANCE).replace(":aws:", ":aws-cn:"),
  },
  otherRole: { ...credentialsOf("R"), arn: assumed("123456789012", "fleet-host2", INSTANCE) },
  person: { ...credentialsOf("M"), arn: assumed("123456789012", "fleet-host", "mallory") },
  user: { ...credentialsOf("U"), arn: "arn:aws:iam::123456789012:user/fleet-host" },
} as const satisfies Record<string, KnownCaller>;

/** A control plane that takes proofs of one role's instances for the pool `default`, and the STS that it asks. */
export interface HostWorld extends HttpWorld {
  readonly sts: HttpRecorder;
  readonly place: ProofPlace;
  /** A proof as the host itself makes it, of now. */
  proof(credentials?: InstanceCredentials, change?: Partial<ProofPlace & { readonly atMs: number }>): HostProof;
  open(proof: HostProof | string, change?: object): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startHostWorld(audience = AUDIENCE): Promise<HostWorld> {
  let nowMs = () => 0;
  const sts = await startSts(Object.values(CALLERS), () => nowMs());
  const place = { region: REGION, audience, stsHost: new URL(sts.url).host };
  const http = await startHttpWorld(({ deps }) => {
    const identify = identifyAtSts({ endpoint: sts.url, region: REGION, audience });
    return { checkHost: makeHostCheck({ identify, roles: [{ arn: ROLE, pools: ["default"] }], clock: deps.clock }) };
  });
  nowMs = http.deps.clock.nowMs;
  return {
    ...http,
    sts,
    place,
    proof: (credentials = CALLERS.host, { atMs = nowMs(), ...change } = {}) =>
      signProof(credentials, { ...place, ...change }, atMs),
    open: (proof, change = {}) =>
      http.call("openSession", {
        token: typeof proof === "string" ? proof : tokenOfProof(proof),
        body: { name: INSTANCE, pools: ["default"], slots: 1, ephemeral: true, ...change },
      }),
    async stop() {
      await http.world.stop();
      await sts.stop();
    },
  };
}
