import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { packRunner } from "../../runner/pack/pack-runner.ts";
import { eventually } from "../support/eventually.ts";

/**
 * The units of runner/systemd under a real systemd, with the kernel's own filter and rules, beside a metadata service at EC2's own
 * addresses: test/support/systemd-host. Needs root, systemd, iproute2 and version 2 of control groups.
 */

const BOOT = fileURLToPath(new URL("../support/systemd-host/boot.sh", import.meta.url));
const GROUPS = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((path) =>
  existsSync(join(path, "cgroup.controllers")),
);
const has = (program: string) => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
const lacks = [
  ...(process.getuid?.() === 0 ? [] : ["root"]),
  ...(GROUPS === undefined ? ["control groups of version 2"] : []),
  ...["systemctl", "ip", "unshare", "setpriv", "curl"].filter((program) => !has(program)),
  ...(existsSync("/lib/systemd/systemd") ? [] : ["systemd"]),
  // The units have a /tmp of their own.
  ...(import.meta.dirname.startsWith("/tmp/") ? ["clone outside of /tmp"] : []),
];

const exits = z.object({ root: z.number(), user: z.number() });
const resultSchema = z.object({
  before: exits,
  whole: z.string(),
  rule: exits,
  filterAlone: z.string(),
  open: z.object({ exit: z.string() }),
  claims: z.number(),
  sessions: z.array(z.object({ name: z.string(), ephemeral: z.boolean() })),
});

describe.skipIf(lacks.length > 0)(
  `case A6: on an EC2 host${lacks.length > 0 ? ` (skipped: there is no ${lacks.join(", ")})` : ""}`,
  () => {
    let folder: string;
    let result: z.infer<typeof resultSchema>;
    const shared = () => join(folder, "shared");
    const log = (name: string) => {
      const file = join(shared(), `${name}.log`);
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    };

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "baton-metadata-"));
      mkdirSync(shared());
      const packed = await packRunner(join(folder, "packed"));
      const group = join(GROUPS ?? "", `baton-metadata-${process.pid}`);
      mkdirSync(group);
      const namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"];
      const boot = ["bash", BOOT, shared(), packed.folder, process.execPath];
      const enter = 'echo $$ >"$0/cgroup.procs" && exec unshare "$@"';
      const host = spawn("sh", ["-c", enter, group, ...namespaces, ...boot], { detached: true, stdio: "pipe" });
      for (const stream of [host.stdout, host.stderr])
        stream.on("data", (part: Buffer) => writeFileSync(join(shared(), "boot.log"), part, { flag: "a" }));
      const ended = new Promise((resolve) => host.once("close", resolve));
      try {
        const file = join(shared(), "result.json");
        await eventually("the host is judged", () => existsSync(file) || host.exitCode !== null, 240_000, 250);
        const logs = ["boot", "metadata", "judge", "baton-host", "baton-runner"].map((name) => `${name}: ${log(name)}`);
        expect(existsSync(file), logs.join("\n")).toBe(true);
        const parsed = resultSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
        expect(parsed.success, `${readFileSync(file, "utf8")}\n${logs.join("\n")}`).toBe(true);
        result = resultSchema.parse(parsed.data);
      } finally {
        host.kill("SIGKILL");
        await ended;
        await eventually("its group is empty", () => isRemoved(group), 30_000);
      }
    }, 300_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    const ways = (text: string) => text.split("\n").filter((line) => /(^|\s)GOT /.test(line));

    test("the metadata service answers everybody, before there are walls", () => {
      expect(result.before).toEqual({ root: 0, user: 0 });
    });

    test("SECURITY 23: a step reaches no metadata service, no socket, no setting, and no other group or namespace", () => {
      expect(ways(result.whole)).toEqual([]);
      expect(result.whole).toContain("END");
      expect(result.whole).toMatch(/^991$/m);
      // While it runs, its host's service sees that it does.
      expect(result.whole).toMatch(/^busy$/m);
    });

    test("the rule alone holds for the runner's user in every control group, and root's service passes", () => {
      // 7: could not connect, at once.
      expect(result.rule).toEqual({ root: 0, user: 7 });
    });

    test("SECURITY 23: the unit's filter alone holds, and the next job finds nothing that the first left", () => {
      expect(ways(result.filterAlone)).toEqual([]);
      expect(result.filterAlone).toContain("END");
    });

    test("SECURITY 23: with both down the runner does not start, and claims nothing", () => {
      expect(result.open).toEqual({ exit: "2" });
      expect(log("baton-runner")).toContain("the metadata service http://169.254.169.254 can be reached from here");
      expect(result.claims).toBe(2);
    });

    test("SECURITY 23: systemd hands each start a session of its own, of one job, in the instance's name", () => {
      expect(result.sessions.length).toBeGreaterThanOrEqual(3);
      for (const session of result.sessions) expect(session).toMatchObject({ name: "i-1", ephemeral: true });
    });
  },
);

function isRemoved(group: string): boolean {
  try {
    removeGroups(group);
    return true;
  } catch {
    return false; // a process in it is still ending
  }
}

/** A control group's folder holds files that nobody removes; its sub-groups go first. */
function removeGroups(group: string): void {
  const found = spawnSync("find", [group, "-depth", "-type", "d"], { encoding: "utf8" }).stdout.trim().split("\n");
  for (const one of found) rmdirSync(one);
}
