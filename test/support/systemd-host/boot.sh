#!/bin/bash
# Becomes process 1 of a host of its own: a real systemd with its control groups, over a copy-on-write view of this machine's files,
# in a network whose only other end is an instance's metadata service. Run as root by test/e2e/metadata.test.ts, in new mount,
# PID, network, UTS, IPC and control group namespaces.
#   boot.sh SHARED PACKED NODE: a folder for both sides, the packed runner, and Node.
set -eu
shared=$1 packed=$2 node=$3
here=$(cd "$(dirname "$0")" && pwd)
mount --make-rprivate /
mount -t tmpfs tmpfs /run

ip netns add metadata
ip link add eth0 type veth peer name eth1 netns metadata
ip addr add 192.0.2.2/24 dev eth0
ip addr add 2001:db8::2/64 dev eth0 nodad
inside() { ip netns exec metadata "$@"; }
inside ip addr add 192.0.2.1/24 dev eth1
inside ip addr add 2001:db8::1/64 dev eth1 nodad
for address in 169.254.169.254/32 169.254.170.2/32 169.254.170.23/32 fd00:ec2::254/128; do inside ip addr add "$address" dev lo; done
for name in lo eth0; do ip link set "$name" up; done
for name in lo eth1; do inside ip link set "$name" up; done
ip route add default via 192.0.2.1
ip -6 route add default via 2001:db8::1
inside "$node" "$here/metadata-main.ts" >"$shared/metadata.log" 2>&1 &

mkdir "$shared/view"
mount -t tmpfs tmpfs "$shared/view"
mkdir "$shared/view/up" "$shared/view/work" "$shared/view/root"
root=$shared/view/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$shared/view/up,workdir=$shared/view/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/run/shared"
mount --bind "$shared" "$root/run/shared"

echo 'baton-runner:x:991:991::/var/lib/baton-runner:/usr/sbin/nologin' >>"$root/etc/passwd"
echo 'baton-runner:x:991:' >>"$root/etc/group"
mkdir -p "$root/opt/node/bin" "$root/opt/baton-runner"
install -d -m 700 "$root/etc/baton-runner"
ln -s "$node" "$root/opt/node/bin/node"
cp -r "$packed/." "$root/opt/baton-runner/"
units=$root/etc/systemd/system
rm -rf "$units"
mkdir -p "$units/baton-runner.service.d" "$units/baton-host.service.d"
cp "$packed"/baton-{runner.service,host.service,host.socket} "$units/"
cp "$packed/ec2.conf" "$units/baton-runner.service.d/"
# What a host has besides is not started here.
for name in network-online.target dbus.service dbus.socket; do ln -s /dev/null "$units/$name"; done
mkdir "$units/baton-host.socket.d"
printf '[Unit]\nDefaultDependencies=no\n' >"$units/baton-host.socket.d/test.conf"
for name in baton-runner baton-host; do
  printf '[Unit]\nDefaultDependencies=no\n[Service]\nStandardOutput=append:/run/shared/%s.log\nStandardError=inherit\n' "$name" \
    >"$units/$name.service.d/test.conf"
done
cat >"$units/judge.service" <<JUDGE
[Unit]
DefaultDependencies=no
[Service]
ExecStart=$node $here/judge-main.ts /run/shared
StandardOutput=append:/run/shared/judge.log
StandardError=inherit
JUDGE
# As on a host: what systemd mounts for a service, as its credentials, must reach it.
mount --make-rshared "$root"
cd "$root"
exec chroot . env -i container=baton PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=judge.service --log-target=console --show-status=no
