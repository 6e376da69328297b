import { NEW_ROOT, type SandboxPlan } from "./plan-sandbox.ts";
import type { Tools } from "./tools.ts";

/** How the ids of the sandbox's own user namespace map to those around it. */
export interface IdMap {
  readonly uids: string;
  readonly gids: string;
}

/**
 * The script of a sandbox's first process. It builds the new root and goes there, makes the namespaces of the steps, and
 * then reaps until its standard input ends or it is killed: with it the kernel kills all that is in its PID namespace.
 *
 * The steps' user namespace is one below that of the mounts, so that the kernel locks them (mount_namespaces(7)): no
 * step can take away what hides the host, root inside included.
 */
export function setupScript(tools: Tools, plan: SandboxPlan, fstab: string, ids: IdMap): string {
  const folders = [...plan.folders, ...plan.files.map((path) => path.slice(0, path.lastIndexOf("/")) || "/")];
  const links = plan.links.map(quote).join(" ");
  return `set -eu
read -r pid rest </proc/self/stat
cd /
umask 022
${tools.mount} -t tmpfs -o mode=755,size=4m,nosuid baton-root ${NEW_ROOT}
${tools.mkdir} -p ${[...new Set(folders)].map(quote).join(" ")}
${plan.files.map((path) => `: >${quote(path)}\n`).join("")}${links === "" ? "" : `${tools.cp} -d --parents ${links} ${NEW_ROOT}/`}
${tools.mount} -a -T ${quote(fstab)}
cd ${NEW_ROOT}
${tools.pivotRoot} . .
${tools.umount} -l .
cd /
holder=$(${tools.unshare} --user --mount ${tools.sh} -c '${tools.sleep} 60 >/dev/null 2>&1 </dev/null & echo $!')
echo '${ids.uids}' >/proc/$holder/uid_map
echo '${ids.gids}' >/proc/$holder/gid_map
exec 3<&0 8</proc/$holder/ns/user 9</proc/$holder/ns/mnt
kill -9 $holder
echo "ready $pid"
set +e
while :; do
  { read -r _ <&3; exit 42; } &
  wait $!
  [ $? -eq 42 ] && exit 0
done
`;
}

/** For a POSIX shell, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
