import { createHmac } from "node:crypto";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import type { Clock } from "../shared/lib/clock.ts";
import { systemCode } from "../shared/lib/system-code.ts";
import { bucketShim } from "./bucket/bucket-shim.ts";
import type { Credentials } from "./bucket/signature.ts";
import { withShims } from "./fastify-shim.ts";
import { AWS_REGION } from "./names.ts";
import { queueShim } from "./queues/queue-shim.ts";

/** SQS and S3 in this process, on the loopback. */

export interface AwsServerOptions {
  /** Where to keep queues and objects; in memory where absent. */
  readonly dataDir: string | undefined;
  /** The port to take again, if it is free. */
  readonly portWanted: number | undefined;
  readonly credentials: Credentials;
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

async function startOn(port: number, { dataDir, credentials, clock }: AwsServerOptions): Promise<FauxqsServer> {
  // Nothing asks for a queue before the server listens.
  let server: FauxqsServer | undefined;
  const inspect = (name: string) => server?.inspectQueue(name)?.messages;
  const shims = [bucketShim(credentials, clock), queueShim(inspect, clock)];
  server = await withShims(shims, () =>
    startFauxqs({ port, logger: false, defaultRegion: AWS_REGION, ...(dataDir === undefined ? {} : { dataDir }) }),
  );
  return server;
}

/** What handlers sign with: derived, so that links signed before a restart hold after it, with no secret more to keep. */
export function embeddedCredentials(signingKey: string): Credentials {
  const secretAccessKey = createHmac("sha256", signingKey).update("baton embedded credentials").digest("hex");
  return { accessKeyId: "BATONEMBEDDED", secretAccessKey };
}
