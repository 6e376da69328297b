import { parseArgs } from "node:util";

export interface DeployLocalOptions {
  /** Leaves the deployment up, and says how to use it. */
  readonly keep: boolean;
  /** One JSON document on stdout at the end; progress goes to stderr. */
  readonly json: boolean;
  readonly help: boolean;
}

export const USAGE = `Usage: npm run deploy:local -- [options]

Deploys all of Baton but the fleet to a LocalStack-compatible server, plays the end-to-end suite against it with a runner
of its own, and takes everything down again. Without AWS_ENDPOINT_URL it starts a server of its own, from PyPI, with no
Docker: with TLS, and with signatures and IAM policies enforced.

  --keep   leave it up at the end, and say how to use it
  --json   one JSON document on stdout at the end; progress goes to stderr
  --help

Exit codes: 0 all passed, 1 something failed, 2 it could not be tried here.
`;

/** Throws a TypeError for an option that is not known. */
export function parseOptions(argv: readonly string[]): DeployLocalOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: { keep: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean" } },
  });
  return { keep: values.keep ?? false, json: values.json ?? false, help: values.help ?? false };
}
