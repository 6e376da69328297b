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

const HOST = 'jobs run on their runner\'s host: choose one by "pool"';
const MATRIX = "there are no matrices: write a job for each, which may share settings by an anchor (&, <<)";
const CONDITION = 'there are no conditions: "on" says what starts a run, and a script tests all else';
const ORDER = 'jobs are ordered by "needs" alone';

/** What to write for those that have no key here. */
const ABSENT_KEYS: Readonly<Record<string, string>> = {
  after_script: 'it is a step in "steps"',
  before_script: 'it is a step in "steps"',
  cache: "there are no caches: files pass from job to job as artifacts",
  concurrency: '"supersede: true" in the file cancels older runs',
  container: HOST,
  except: CONDITION,
  if: CONDITION,
  image: HOST,
  include: "one file holds a whole pipeline; jobs may share settings by an anchor (&, <<)",
  matrix: MATRIX,
  only: CONDITION,
  parallel: MATRIX,
  plugins: 'there are no plugins: write a script in "run"',
  rules: CONDITION,
  services: "there are no services: a step starts what the job needs, and it ends with the job",
  stage: ORDER,
  stages: ORDER,
  steps: "they stand in a job: jobs: {build: {steps: […]}}",
  strategy: MATRIX,
  uses: 'there are no actions: the commit is checked out already; write a script in "run"',
  when: CONDITION,
};

/** What to do instead of a key that is common elsewhere and that nothing here stands for. */
export function whatInsteadOf(key: string): string | undefined {
  return Object.hasOwn(ABSENT_KEYS, key) ? ABSENT_KEYS[key] : undefined;
}
