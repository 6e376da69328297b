import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../shared/lib/clock.ts";
import type { Measurement, Row } from "./measurement.ts";
import { median, spread } from "./statistics.ts";

/** `baton run examples/hello.yml` beside gitlab-ci-local on the same two jobs, in one temporary repository. */

const PAIRS = 15;
const WARM_UPS = 2;
const root = fileURLToPath(new URL("../../", import.meta.url));
const BATON = join(root, "cli/baton.mjs");
const PEER = join(dirname(createRequire(import.meta.url).resolve("gitlab-ci-local/package.json")), "dist/index.js");

export const hello: Measurement = {
  name: "hello",
  async measure() {
    const repository = makeRepository();
    try {
      const baton = () => timed(repository, [BATON, "run", "hello.yml"]);
      const peer = peerProblem() === undefined ? () => timed(repository, [PEER]) : undefined;
      for (let round = 0; round < WARM_UPS; round += 1) {
        baton();
        peer?.();
      }
      // A B A B: what else the machine does hits both alike.
      const pairs = Array.from({ length: PAIRS }, () => ({ ours: baton(), theirs: peer?.() }));
      return rowsOf(pairs);
    } finally {
      rmSync(repository, { recursive: true, force: true });
    }
  },
};

function rowsOf(pairs: readonly { readonly ours: Took; readonly theirs: Took | undefined }[]): Row[] {
  const ours = pairs.map((pair) => pair.ours.wallMs);
  const rows: Row[] = [{ what: "baton run hello.yml", value: median(ours), unit: "ms", note: spread(ours) }];
  const theirs = pairs.flatMap((pair) => pair.theirs?.wallMs ?? []);
  if (theirs.length < pairs.length)
    return [...rows, { what: "gitlab-ci-local: not measured", value: 0, unit: "ms", note: peerProblem() ?? "" }];
  const ratios = pairs.map((pair) => pair.ours.wallMs / (pair.theirs?.wallMs ?? Number.NaN));
  return [
    ...rows,
    { what: "gitlab-ci-local, same jobs", value: median(theirs), unit: "ms", note: spread(theirs) },
    {
      what: "baton run ÷ gitlab-ci-local",
      value: median(ratios),
      unit: "",
      goal: { atMost: 1 },
      note: `${PAIRS} pairs, ${spread(ratios, 2)}`,
    },
  ];
}

interface Took {
  readonly wallMs: number;
}

function timed(cwd: string, args: readonly string[]): Took {
  const startedMs = systemClock.monotonicMs();
  execFileSync(process.execPath, args, { cwd, stdio: ["ignore", "ignore", "pipe"], env: process.env });
  return { wallMs: systemClock.monotonicMs() - startedMs };
}

/** A git repository with both files. The peer wants a remote to name the project after; it is never asked. */
function makeRepository(): string {
  const folder = mkdtempSync(join(tmpdir(), "baton-bench-hello-"));
  copyFileSync(join(root, "examples/hello.yml"), join(folder, "hello.yml"));
  copyFileSync(join(root, "test/bench/hello.gitlab-ci.yml"), join(folder, ".gitlab-ci.yml"));
  const git = (...args: string[]) => execFileSync("git", args, { cwd: folder, stdio: "ignore" });
  git("init", "-q");
  git("remote", "add", "origin", "git@gitlab.example.com:bench/hello.git");
  git("add", "-A");
  git("-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", "hello");
  return folder;
}

/** Why the peer cannot run here. */
function peerProblem(): string | undefined {
  try {
    execFileSync("rsync", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "it needs rsync, which is not installed";
  }
}
