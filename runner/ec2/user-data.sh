#!/bin/bash
# Turns a fresh EC2 instance (Amazon Linux 2023, x86_64 or arm64) into a Baton runner. cloud-init runs it once, as root.
#
# Whoever launches the instance puts values in place of the words between @ signs. infra/ does so for the fleet; for one
# instance by hand: docs/RUNNERS.md. The instance's role may do this and no more:
#   s3:GetObject on the runner's archive (for an s3:// address), autoscaling:DescribeAutoScalingInstances and, on its own
#   group, autoscaling:SetInstanceProtection.
# It must be one of the control plane's host roles, and its trust EC2's alone. There is no token. Metadata is asked for by IMDSv2 alone.
set -euo pipefail
umask 022

# The control plane, as https://….
baton_url='@URL@'
# Pools to take jobs of, by commas.
pools='@POOLS@'
# What `npm run pack:runner` made, as s3://bucket/key or https://…, and its SHA-256.
archive='@RUNNER_ARCHIVE@'
archive_sha256='@RUNNER_SHA256@'
# More options of `baton runner`, by spaces; or nothing.
options='@RUNNER_OPTIONS@'

node_version=24.21.0
node_dist=${BATON_NODE_DIST:-https://nodejs.org/dist}
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
# Only a test has another root.
root=${BATON_ROOT:-}

say() { printf 'baton user data: %s\n' "$*"; }
fetch() { curl --fail --silent --show-error --location --retry 5 --retry-connrefused "$@"; }

metadata() {
  local session
  session=$(fetch --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/latest/api/token")
  fetch --header "X-aws-ec2-metadata-token: $session" "$imds/latest/meta-data/$1"
}

install_packages() {
  local missing=()
  local name
  for name in git tar gzip; do command -v "$name" >/dev/null || missing+=("$name"); done
  if [ ${#missing[@]} -gt 0 ]; then dnf install --assumeyes --quiet "${missing[@]}"; fi
}

# Node from nodejs.org: the version that Baton is tested with, checked against the list of sums beside it.
install_node() {
  local arch name work
  case $(uname -m) in
    aarch64) arch=arm64 ;;
    x86_64) arch=x64 ;;
    *) say "no Node for $(uname -m)"; return 1 ;;
  esac
  name=node-v$node_version-linux-$arch.tar.gz
  work=$(mktemp -d)
  fetch --output "$work/$name" "$node_dist/v$node_version/$name"
  fetch --output "$work/sums" "$node_dist/v$node_version/SHASUMS256.txt"
  (cd "$work" && grep -F "  $name" sums | sha256sum --check --status) || { say "$name has another sum"; return 1; }
  mkdir -p "$root/opt/node"
  tar -xzf "$work/$name" -C "$root/opt/node" --strip-components 1 --no-same-owner
  rm -r "$work"
}

install_runner() {
  local work
  work=$(mktemp -d)
  case $archive in
    s3://*) aws s3 cp --only-show-errors "$archive" "$work/runner.tgz" ;;
    https://*) fetch --proto '=https' --output "$work/runner.tgz" "$archive" ;;
    *) say "the runner's archive is neither s3:// nor https://: $archive"; return 1 ;;
  esac
  printf '%s  %s\n' "$archive_sha256" "$work/runner.tgz" | sha256sum --check --status || {
    say "the runner's archive has another sum than $archive_sha256"
    return 1
  }
  mkdir -p "$root/opt/baton-runner"
  tar -xzf "$work/runner.tgz" -C "$root/opt/baton-runner" --strip-components 1 --no-same-owner
  rm -r "$work"
}

# What both services are told. No secret is in it.
write_settings() {
  local instance name pool_options=''
  instance=$(metadata instance-id)
  for name in ${pools//,/ }; do pool_options+=" --pool $name"; done
  install -d -m 700 "$root/etc/baton-runner"
  cat >"$root/etc/baton-runner/environment" <<SETTINGS
BATON_URL=$baton_url
BATON_HOST_OPTIONS=${pool_options# }
BATON_RUNNER_OPTIONS=--name $instance$pool_options $options
SETTINGS
}

start_service() {
  id -u baton-runner >/dev/null 2>&1 ||
    useradd --system --no-create-home --home-dir /var/lib/baton-runner --shell /sbin/nologin baton-runner
  local units="$root/etc/systemd/system"
  install -d "$units/baton-runner.service.d"
  install -m 644 "$root"/opt/baton-runner/baton-{runner.service,host.service,host.socket} "$units"
  install -m 644 "$root/opt/baton-runner/ec2.conf" "$units/baton-runner.service.d/ec2.conf"
  # Before any step: whoever comes later finds the way closed.
  "$root/opt/baton-runner/deny-metadata"
  systemctl daemon-reload
  systemctl enable --now baton-host.service baton-runner.service
}

install_packages
install_node
install_runner
write_settings
start_service
say "the runner serves $pools"
