import { readFileSync } from "node:fs";
import { heededSignals } from "../shared/lib/ignored-signals.ts";
import { SIGNAL_EXIT } from "./exit-codes.ts";

/**
 * Whoever kills what it started means the command, and not its launcher alone. A launcher that can, replaces itself
 * (cli/baton); two cannot: an old Node that handed over (cli/baton.mjs), and npm, which waits for its child.
 */

const LAUNCHER = "BATON_LAUNCHER_PID";
const LOOK_MS = 500;
/** npm, its shell, a launcher, us. */
const STEPS_UP_MAX = 3;

/** `below` is ours or on the way to us. It outlives `above`, which waits for it, only where that was killed. */
interface Tie {
  readonly below: number;
  readonly above: number;
}

/** Ends this process as SIGTERM does, once a launcher of it was killed. What ended after its child is no reason. */
export function tieToLauncher(env: Record<string, string | undefined>): void {
  const launcher = Number(env[LAUNCHER]);
  delete env[LAUNCHER];
  const handedOver = Number.isInteger(launcher) ? [{ below: process.pid, above: launcher }] : [];
  const ties = [...handedOver, ...tieToNpm(env, launcher)];
  if (ties.length === 0) return;
  const timer = setInterval(() => {
    const cut = ties.find(isCut);
    if (cut === undefined) return;
    clearInterval(timer);
    end(cut);
  }, LOOK_MS).unref();
}

function end({ above }: Tie): void {
  process.stderr.write(`baton: what started this (process ${above}) was killed: this ends, too\n`);
  if (heededSignals(["SIGTERM"]).length === 0) process.exit(SIGNAL_EXIT.SIGTERM);
  process.kill(process.pid, "SIGTERM");
}

const isCut = ({ below, above }: Tie): boolean => {
  if (below === process.pid) return process.ppid !== above;
  const parent = parentOf(below);
  return parent !== undefined && parent !== above;
};

/** npm gives its children variables that it has not itself. Between it and us are shells at most. */
function tieToNpm(env: Record<string, string | undefined>, launcher: number): Tie[] {
  const script = env["npm_lifecycle_script"];
  if (script === undefined) return [];
  let below = process.pid;
  for (let steps = 0; steps < STEPS_UP_MAX; steps += 1) {
    const above = parentOf(below);
    const environment = above === undefined ? undefined : readProc(above, "environ");
    if (above === undefined || environment === undefined) return [];
    if (!environment.split("\0").includes(`npm_lifecycle_script=${script}`)) return [{ below, above }];
    if (above !== launcher && !/sh\n$/.test(readProc(above, "comm") ?? "")) return [];
    below = above;
  }
  return [];
}

/** Undefined where it has ended. */
function parentOf(pid: number): number | undefined {
  if (pid === process.pid) return process.ppid;
  const stat = readProc(pid, "stat");
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Undefined where the process has ended or is another user's, and where there is no /proc (macOS). */
function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}
