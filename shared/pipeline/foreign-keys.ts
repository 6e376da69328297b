/** What the keys of GitHub Actions, GitLab CI and Buildkite are called here: too far away to be mistyped. */
const FOREIGN_KEYS: Readonly<Record<string, string>> = {
  agents: "pool",
  artifact_paths: "artifacts",
  command: "run",
  commands: "run",
  "continue-on-error": "allow_failure",
  depends_on: "needs",
  environment: "env",
  label: "name",
  name: "pipeline",
  retry: "retries",
  "runs-on": "pool",
  script: "run",
  soft_fail: "allow_failure",
  tags: "pool",
  timeout_in_minutes: "timeout",
  "timeout-minutes": "timeout",
  variables: "env",
  "working-directory": "workdir",
};

/** The key that says here what an unknown one says elsewhere, if it is one of those that may stand there. */
export function homeKeyOf(key: string, keys: readonly string[]): string | undefined {
  const home = Object.hasOwn(FOREIGN_KEYS, key) ? FOREIGN_KEYS[key] : undefined;
  return home !== undefined && keys.includes(home) ? home : undefined;
}
