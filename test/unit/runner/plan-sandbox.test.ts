import { expect, test } from "vitest";
import { fstabLine, parseMounts } from "../../../runner/sandbox/mounts.ts";
import { type HostView, planSandbox, type Walls } from "../../../runner/sandbox/plan-sandbox.ts";
import { trustOf } from "../../../runner/sandbox/runner-sandbox.ts";

const view: HostView = {
  mounts: parseMounts(
    [
      "1 0 8:1 / / rw,relatime - ext4 /dev/sda rw",
      "2 1 0:5 / /sys rw,nosuid,nodev - sysfs sysfs rw",
      "3 2 0:6 / /sys/kernel/debug rw - debugfs debugfs rw",
      "4 2 0:7 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw",
      "5 1 0:8 / /srv/my\\040data rw,nosuid - tmpfs tmpfs rw",
    ].join("\n"),
  ),
  topFolders: ["/etc", "/home", "/srv", "/usr"],
  topLinks: ["/bin"],
  system: ["/etc", "/usr"],
  files: ["/dev/null"],
  links: ["/dev/fd"],
  procReadOnly: ["/proc/sys"],
  hasVarTmp: false,
  uid: 0,
  gid: 0,
};
const walls: Walls = {
  hidden: [{ path: "/srv/a/b/project/.baton/state", isFolder: true }],
  readOnly: ["/home/me", "/srv/a/b/project", "/srv/my data"],
  exposed: [{ path: "/run/docker.sock", isFolder: false }],
};
const own = { workspace: "/w", home: "/h", temporary: "/t", scripts: "/s" };
const linesFor = (trust: "own" | "foreign") => planSandbox(view, walls, trust, own).fstab.trimEnd().split("\n");
const at = (line: string) => line.split(" ")[1]?.replace("/dev/shm", "");

test("the own profile shows the host, hides what it must last, and pins the folders above", () => {
  const lines = linesFor("own");
  expect(lines).toContain("/home /dev/shm/home none rbind 0 0");
  expect(lines).toContain("none /dev/shm/srv/my\\040data none remount,bind,ro,nosuid 0 0");
  for (const pinned of ["/srv/a", "/srv/a/b"])
    expect(lines).toContain(`/dev/shm${pinned} /dev/shm${pinned} none rbind 0 0`);
  const places = lines.map(at);
  expect(places.lastIndexOf("/srv/a/b/project/.baton/state")).toBeGreaterThan(places.lastIndexOf("/srv/a/b/project"));
  expect(lines).toContain("/run/docker.sock /dev/shm/run/docker.sock none bind 0 0");
});

test("the foreign profile shows the system alone, read-only", () => {
  const lines = linesFor("foreign");
  expect(lines.filter((line) => /^\/(home|srv)\b/.test(at(line) ?? ""))).toEqual([]);
  for (const path of ["/etc", "/usr"])
    expect(lines).toContain(`none /dev/shm${path} none remount,bind,ro,relatime 0 0`);
});

test("of /sys the cgroups stay, read-only, and nothing else that is mounted there", () => {
  for (const trust of ["own", "foreign"] as const) {
    expect(linesFor(trust)).toContain("none /dev/shm/sys/fs/cgroup none remount,bind,ro,nosuid 0 0");
    expect(linesFor(trust)).toContain("/dev/shm/.none/folder /dev/shm/sys/kernel/debug none bind,ro 0 0");
    expect(linesFor(trust)).toContain("/dev/shm/proc/sys /dev/shm/proc/sys none bind,ro 0 0");
  }
});

test("case A2: a runner's first pool is its own, every other is foreign, forks wherever it stands", () => {
  expect(trustOf(["default", "gpu"], "default")).toBe("own");
  expect(trustOf(["default", "gpu"], "gpu")).toBe("foreign");
  expect(trustOf(["forks"], "forks")).toBe("foreign");
  expect(trustOf(["forks", "default"], "default")).toBe("foreign");
  // A control plane that does not say which pool a job is of.
  expect(trustOf(["default"], undefined)).toBe("own");
  expect(trustOf(["default", "gpu"], undefined)).toBe("foreign");
});

test("a path with any character of fstab's own is one word, and all others stay as they are", () => {
  expect(fstabLine("/a b\t\n\\#c", "/x", "none", "bind")).toBe("/a\\040b\\011\\012\\134\\043c /x none bind 0 0\n");
  // Not octal 240 and 30000: no-break and ideographic space are more than one byte.
  expect(fstabLine("/a\u00a0b\u3000c", "/x", "none", "bind")).toBe("/a\u00a0b\u3000c /x none bind 0 0\n");
});
