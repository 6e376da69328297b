import { readdirSync, readFileSync } from "node:fs";

/** Living processes whose environment names one of these: a run of ours in BATON_ATTEMPT, or a runner's work folder. */
export function processesNaming(marks: readonly string[]): { readonly pid: number; readonly command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const environment = readOf(`/proc/${name}/environ`);
      if (environment === undefined || !marks.some((mark) => environment.includes(mark)) || isZombie(name)) return [];
      return [{ pid: Number(name), command: (readOf(`/proc/${name}/cmdline`) ?? "").replaceAll("\0", " ").trim() }];
    });
}

function isZombie(pid: string): boolean {
  const stat = readOf(`/proc/${pid}/stat`);
  return stat === undefined || /^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** Undefined where it has ended meanwhile, or is another user's. */
function readOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch (error) {
    if (
      error instanceof Error &&
      "code" in error &&
      ["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(String(error.code))
    )
      return undefined;
    throw error;
  }
}
