import { createHmac } from "node:crypto";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import type { ReadLent } from "../functions/lent-queues.ts";
import type { Clock } from "../shared/lib/clock.ts";
import { isDiskFull } from "../shared/lib/disk-full.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import { fullDiskShim } from "./aws-requests/full-disk-shim.ts";
import type { Credentials } from "./aws-requests/signature.ts";
import { bucketShim } from "./bucket/bucket-shim.ts";
import { makeLargeObjects } from "./bucket/large-objects.ts";
import { withShims } from "./fastify-shim.ts";
import { AWS_REGION } from "./names.ts";
import { queueAccess } from "./queues/queue-access.ts";
import { queueShim } from "./queues/queue-shim.ts";
import { damagedFile } from "./start-failure.ts";

/** SQS and S3 in this process, on the loopback. */

export interface AwsServerOptions {
  /** Where to keep queues and objects; in memory where absent. */
  readonly dataDir: string | undefined;
  /** Where to keep large objects, always. */
  readonly objectsDir: string;
  /** The port to take again, if it is free. */
  readonly portWanted: number | undefined;
  /** What opens everything; runners' are lent. */
  readonly credentials: Credentials;
  /** Knows the credentials that are lent to runners. */
  readonly readLent: ReadLent;
  readonly clock: Clock;
}

/** Starts the server on the port wanted, else on any. */
export async function startAwsServer(options: AwsServerOptions): Promise<FauxqsServer> {
  if (options.portWanted === undefined) return startOn(0, options);
  try {
    return await startOn(options.portWanted, options);
  } catch (error) {
    if (systemCode(error) !== "EADDRINUSE") throw error;
    return startOn(0, options);
  }
}

const DAMAGED =
  "restore it from a copy, or remove it and start again; runs go on then, and logs and artifacts of earlier ones are lost";

async function startOn(
  port: number,
  { dataDir, objectsDir, credentials, readLent, clock }: AwsServerOptions,
): Promise<FauxqsServer> {
  // Nothing asks for a queue before the server listens.
  let server: FauxqsServer | undefined;
  const inspect = (name: string) => server?.inspectQueue(name)?.messages;
  const large = makeLargeObjects(objectsDir, dataDir === undefined);
  const shims = [
    fullDiskShim,
    bucketShim(credentials, clock, large),
    queueAccess(credentials, readLent, clock),
    queueShim(inspect, clock),
  ];
  const place = dataDir === undefined ? {} : { dataDir };
  try {
    server = await withShims(shims, () => startFauxqs({ port, logger: false, defaultRegion: AWS_REGION, ...place }));
  } catch (error) {
    if (dataDir === undefined || systemCode(error) === "EADDRINUSE" || isDiskFull(error)) throw error;
    throw damagedFile(dataDir, error, DAMAGED);
  }
  return server;
}

/** What handlers sign with: derived, so that links signed before a restart hold after it, with no secret more to keep. */
export function embeddedCredentials(signingKey: string): Credentials {
  const derive = (what: string) => createHmac("sha256", signingKey).update(what).digest("hex");
  const accessKeyId = `BATON${derive("baton embedded key id").slice(0, 16).toUpperCase()}`;
  return { accessKeyId, secretAccessKey: derive("baton embedded credentials") };
}
