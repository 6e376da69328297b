import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../shared/lib/clock.ts";
import { eventually } from "../../support/eventually.ts";
import type { Attack } from "../attack.ts";
import { type CommandEnd, startCommand } from "../command.ts";
import { type Field, isReady } from "../field.ts";
import { lostOf, readTree, writeTree } from "../trees.ts";

/** What steps and other programs of the host do around a runner: mounts, and temporary folders that several share. */

const RUN_MS = 120_000;
const REMOVED_MS = 20_000;
const ROUNDS_SHORT = 1;
const ROUNDS = 5;

const asRoot = process.geteuid?.() === 0 ? [] : ["--user", "--map-root-user"];
/** Mounts in it are gone with it. */
const MOUNTS = ["unshare", ...asRoot, "--mount"];
const PIDS = ["unshare", ...asRoot, "--pid", "--fork", "--kill-child", "--mount-proc"];

function impossible(program: readonly string[]): string | undefined {
  const [command = "", ...args] = program;
  const { status, stderr } = spawnSync(command, [...args, "true"], { encoding: "utf8" });
  return status === 0 ? undefined : `no such namespace can be made: ${(stderr ?? "").trim().split("\n")[0]}`;
}

/** What a step mounts, and leaves. `$1`: the folder that must stand. */
const MOUNTED: Readonly<Record<string, string>> = {
  inside: 'mkdir -p a/r; mount --bind "$1" a/r',
  nested: 'mkdir b; mount --bind "$1" b; mount --bind "$1" b/deep',
  held: 'mkdir c; mount --bind "$1" c; (cd c; setsid sleep 600 > /dev/null 2>&1 &)',
  covered: 'mkdir d; mount --bind "$1" d; mount -t tmpfs none d',
  linked: 'mkdir e; mount --bind "$1" e; ln -s "$1" link; ln -s e link-to-mount',
  workspace: 'mount --bind "$1" "$BATON_WORKSPACE"',
  above: 'mount --bind "$1" "$BATON_WORKSPACE/.."',
};

export const surroundingAttacks: readonly Attack[] = [
  {
    name: "mounts-left",
    invariants: [3, 5],
    about:
      "steps bind-mount a folder of the host into, over and above their workspace and leave it. Recovery: mount → the next job of that runner ends",
    short: true,
    impossible: () => impossible(MOUNTS),
    async strike(field) {
      const kept = join(field.dir, "kept");
      const names = ["file", ".hidden", "deep/er/file", ...Array.from({ length: 20 }, (_, number) => `many/${number}`)];
      writeTree(
        kept,
        names.map((name) => Buffer.from(name)),
      );
      const before = readTree(kept);
      await field.addRunner({ slots: 1, by: MOUNTS });
      const recoveriesMs: number[] = [];
      for (const [id, script] of Object.entries(MOUNTED)) {
        const run = await field.createRun([
          { id, bytes: 1_000, script: `set -e; set -- "${kept}"; ${script}; set +e` },
        ]);
        await field.runEnds(run, RUN_MS);
        const endedMs = systemClock.monotonicMs();
        await field.runEnds(await field.createRun([{ id: "next", bytes: 1_000 }]), RUN_MS);
        recoveriesMs.push(systemClock.monotonicMs() - endedMs);
      }
      const lost = lostOf(before, readTree(kept));
      return {
        faults: recoveriesMs.length,
        recoveriesMs,
        counts: { lostFiles: lost.length },
        findings: lost.map((one) => `of the folder that was mounted, ${one}`),
      };
    },
  },
  {
    name: "folders-shared",
    invariants: [5, 8],
    about:
      "runners and `baton run` in other PID namespaces, with the same work folder and TMPDIR. Recovery: a runner is killed → one elsewhere has removed its folder",
    short: true,
    impossible: () => impossible(PIDS),
    async strike(field, short) {
      const workDir = join(field.dir, "shared");
      const recoveriesMs: number[] = [];
      for (let round = 0; round < (short ? ROUNDS_SHORT : ROUNDS); round += 1)
        recoveriesMs.push(await strangersBesideRunner(field, workDir, round));
      const ends = await strangersBesideRun(field, short ? ROUNDS_SHORT : ROUNDS);
      const wrong = ends.filter(({ code }) => code !== 0);
      return {
        faults: 2 * recoveriesMs.length + ends.length,
        recoveriesMs,
        counts: { wrongVerdicts: wrong.length },
        findings: wrong.map(
          ({ code, stdout, stderr }) => `baton run ended with ${code}: ${stdout.slice(-300)} ${stderr}`,
        ),
      };
    },
  },
];

/** A step that names its folder, and fails where a file of it does not stay. It ends once there is `go`. */
const KEEPS = (where: string, go: string) => `mkdir -p d/e; echo kept > d/e/f; echo "$PWD" > "${where}"
while ! [ -e "${go}" ]; do [ -e d/e/f ] || exit 9; sleep 0.2; done; [ -e d/e/f ] || exit 9`;

async function strangersBesideRunner(field: Field, workDir: string, round: number): Promise<number> {
  const [where, go] = [join(field.dir, `where-${round}`), join(field.dir, `go-${round}`)];
  const keeper = await field.addRunner({ slots: 1, workDir });
  const kept = await field.createRun([{ id: "keeps", bytes: 1_000, script: KEEPS(where, go) }]);
  await eventually("the step has its folder", () => existsSync(where), RUN_MS);
  const stranger = await field.addRunner({ slots: 1, workDir, by: PIDS });
  await isReady(stranger);
  // What it found to remove, it has looked at by then.
  await field.runEnds(await field.createRun([{ id: "other", bytes: 1_000 }]), RUN_MS);
  writeFileSync(go, "");
  await field.runEnds(kept, RUN_MS);
  stranger.child.kill("SIGKILL");
  await stranger.exited;

  const again = `${where}-again`;
  const script = `if [ "$BATON_FENCE" = 1 ]; then ${KEEPS(again, `${go}-never`)}; fi`;
  const lost = await field.createRun([{ id: "lost", bytes: 1_000, script }]);
  await eventually("the step has its folder", () => existsSync(again), RUN_MS);
  keeper.child.kill("SIGKILL");
  await keeper.exited;
  const diedMs = systemClock.monotonicMs();
  const heir = await field.addRunner({ slots: 1, workDir, by: PIDS });
  const folder = readFileSync(again, "utf8").trim();
  await eventually("a dead runner's folder is removed", () => !existsSync(join(folder, "d")), REMOVED_MS);
  const ms = systemClock.monotonicMs() - diedMs;
  await field.runEnds(lost, RUN_MS);
  heir.child.kill("SIGKILL");
  await heir.exited;
  return ms;
}

/** A slow `baton run` beside quick ones in PID namespaces of their own. */
async function strangersBesideRun(field: Field, quick: number): Promise<CommandEnd[]> {
  const [project, temp] = [join(field.dir, "project"), join(field.dir, "tmp")];
  for (const folder of [project, temp]) mkdirSync(folder);
  const [where, go] = [join(field.dir, "where-run"), join(field.dir, "go-run")];
  const slow = { jobs: { keeps: { run: KEEPS(where, go) } } };
  writeFileSync(join(project, "slow.yml"), JSON.stringify(slow));
  writeFileSync(join(project, "quick.yml"), JSON.stringify({ jobs: { quick: { run: "true" } } }));
  const env = { TMPDIR: temp };
  const keeps = startCommand(["run", "slow.yml"], { cwd: project, env });
  await eventually("the step of baton run has its folder", () => existsSync(where), RUN_MS);
  const ends: CommandEnd[] = [];
  for (let count = 0; count < quick; count += 1)
    ends.push(await startCommand(["run", "quick.yml"], { cwd: project, env, by: PIDS }).ended);
  writeFileSync(go, "");
  return [await keeps.ended, ...ends];
}
