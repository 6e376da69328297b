import { dirname } from "node:path";

export interface DeployLocalEnvironment {
  /** A server that runs already; one is started where there is none. */
  readonly endpoint: string | undefined;
  /** What programs inherit: nothing of the user's AWS or Baton settings. */
  readonly inherited: Readonly<Record<string, string>>;
}

/** Package sources behind a proxy or a mirror are the user's own affair, and pip's. */
const INHERITED =
  /^(HOME|LANG|TMPDIR|PIP_.*|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy|SSL_CERT_FILE|BATON_CI_MARKER)$/;

export function environmentOf(env: Readonly<Record<string, string | undefined>>): DeployLocalEnvironment {
  const inherited = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || !INHERITED.test(name) ? [] : [[name, value] as const],
  );
  // The functions run under the Node that runs this program.
  const path = `${dirname(process.execPath)}:${env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}`;
  return {
    endpoint: env["AWS_ENDPOINT_URL"] || undefined,
    inherited: { ...Object.fromEntries(inherited), PATH: path },
  };
}
