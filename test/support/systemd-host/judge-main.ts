import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../../shared/lib/message-of.ts";
import { eventually } from "../eventually.ts";
import { type FakeControlPlane, startFakeControlPlane } from "../fake-control-plane.ts";

/**
 * Plays jobs on the host of boot.sh, with each of its walls down in turn, and writes what it saw into `result.json` of the folder
 * that its first argument names.
 */

const shared = process.argv[2] ?? "";
const ASK = "curl -sS -m 3 -o /dev/null -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:60";
/** What a hostile step tries. A line that begins with GOT is a way out. */
const STEP = `
${ASK} http://169.254.169.254/latest/api/token && echo GOT metadata
${ASK} 'http://[fd00:ec2::254]/latest/api/token' && echo GOT metadata over IPv6
curl -sS -m 3 -o /dev/null http://169.254.170.2/ && echo GOT task credentials
curl -sS -m 3 -o /dev/null http://169.254.170.23/ && echo GOT pod credentials
for group in /sys/fs/cgroup /sys/fs/cgroup/system.slice; do (echo $$ >$group/cgroup.procs) && echo GOT out of the group; done
unshare -U true && echo GOT a user namespace
unshare -n true && echo GOT a network namespace
ip rule del pref 1 && echo GOT rid of the rule
systemd-run --wait true && echo GOT a unit
systemd-run --user --wait true && echo GOT a unit of its own manager
loginctl enable-linger && echo GOT a manager of its own
curl -sS -m 3 --unix-socket /run/baton-host.socket http://x/ && echo GOT a session
ls /etc/baton-runner && echo GOT the settings
for folder in /var/lib/baton-runner /var/tmp /tmp /dev/shm /run/baton-runner; do
  [ -e $folder/left ] && echo GOT what another job left in $folder
  touch $folder/left || true
done
id -u >&2; ls /run/baton-runner >&2; echo END`;

const run = async (program: string, ...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(program, args, { timeout: 60_000 });
  return stdout.trim();
};
const exitOf = async (program: string, ...args: string[]): Promise<number> =>
  run(program, ...args).then(
    () => 0,
    (error: unknown) => (error instanceof Error && "code" in error ? Number(error.code) : -1),
  );

async function logOfStep(plane: FakeControlPlane): Promise<string> {
  const job = plane.addJob({ script: STEP });
  plane.offer(job);
  await run("systemctl", "start", "baton-runner");
  await eventually("the job ends", () => job.ends[0], 90_000);
  await run("systemctl", "stop", "baton-runner");
  return plane.logOf(job);
}

async function changeUnit(unit: string, text: string): Promise<void> {
  writeFileSync(`/etc/systemd/system/${unit}.service.d/wall.conf`, `[Service]\n${text}`);
  await run("systemctl", "daemon-reload");
}
/** From here on nobody sets the rules. */
async function withoutRules(): Promise<void> {
  const [start = ""] = /^ExecStart=.*$/m.exec(readFileSync("/etc/systemd/system/baton-host.service", "utf8")) ?? [];
  await changeUnit("baton-host", `ExecStart=\n${start.replace(/--wall \S+/, "")}\n`);
  await run("systemctl", "restart", "baton-host");
  for (const family of ["-4", "-6"]) await run("ip", family, "rule", "del", "pref", "1");
}
const probe = ["curl", "-sS", "-m", "3", "-o", "/dev/null", "http://169.254.169.254/"];

async function judge(): Promise<object> {
  const plane = await startFakeControlPlane();
  const settings = [
    `BATON_URL=${plane.url}`,
    "BATON_HOST_OPTIONS=--pool default",
    "BATON_RUNNER_OPTIONS=--pool default",
  ];
  mkdirSync("/etc/baton-runner", { recursive: true, mode: 0o700 });
  writeFileSync("/etc/baton-runner/environment", `${settings.join("\n")}\n`);
  // Before any wall: this is a service that answers everybody.
  const before = { root: await exitOf("curl", ...probe.slice(1)), user: await asRunner() };
  await run("systemctl", "start", "baton-host");
  const whole = await logOfStep(plane);
  // Outside of the unit's group, as what a user's own manager starts: the rule alone.
  const rule = { root: await exitOf("curl", ...probe.slice(1)), user: await asRunner() };
  await withoutRules();
  const filterAlone = await logOfStep(plane);
  await changeUnit("baton-runner", "IPAddressDeny=\nIPAddressAllow=\nRestart=no\n");
  await exitOf("systemctl", "start", "baton-runner");
  await eventually("the runner has ended", async () => (await stateOf()) === "failed", 60_000);
  const open = { exit: await run("systemctl", "show", "-P", "ExecMainStatus", "baton-runner") };
  const sessions = plane.calls.filter(({ name }) => name === "openSession");
  const claims = plane.calls.filter(({ name }) => name === "claim").length;
  return { before, whole, rule, filterAlone, open, claims, sessions: sessions.map(({ body }) => body) };
}
const asRunner = () => exitOf("setpriv", "--reuid=991", "--regid=991", "--clear-groups", ...probe);
const stateOf = () => run("systemctl", "show", "-P", "ActiveState", "baton-runner");

const status = () => run("systemctl", "status", "--no-pager", "baton-runner", "baton-host").catch(messageOf);
const result = await judge().catch(async (error: unknown) => ({ error: messageOf(error), status: await status() }));
writeFileSync(join(shared, "result.new"), JSON.stringify(result));
renameSync(join(shared, "result.new"), join(shared, "result.json"));
process.exit(0);
