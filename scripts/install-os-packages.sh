#!/bin/sh
# Installs what Kubarium needs to run real containers: Podman, an OCI runtime, network tools.
# As root on Debian or Ubuntu it installs what is missing; anywhere else it names the command.
#
#   scripts/install-os-packages.sh           install
#   scripts/install-os-packages.sh --check   say what is missing (exit code 1), install nothing
set -eu

PATH="$PATH:/usr/sbin:/sbin"

# The command that must be there, and the Debian package that brings it.
wanted() {
    cat <<'END'
podman podman
conmon conmon
runc|crun crun
catatonit catatonit
netavark netavark
nft nftables
iptables iptables
ip iproute2
newuidmap uidmap
slirp4netns|pasta slirp4netns
nsenter util-linux
busybox busybox-static
sshfs sshfs
sftp-server openssh-sftp-server
END
}

is_there() {
    for name in $(echo "$1" | tr '|' ' '); do
        command -v "$name" >/dev/null 2>&1 && return 0
        for folder in /usr/lib/openssh /usr/libexec/openssh /usr/libexec/podman /usr/lib/podman /usr/local/libexec/podman; do
            [ -x "$folder/$name" ] && return 0
        done
    done
    return 1
}

missing=""
while read -r command package; do
    is_there "$command" || missing="$missing $package"
done <<END
$(wanted)
END
if ! ldconfig -p 2>/dev/null | grep -q 'libnftables\.so\.1'; then
    missing="$missing libnftables1"
fi
missing="${missing# }"

if [ -z "$missing" ]; then
    exit 0
fi
if [ "${1:-}" = --check ]; then
    echo "missing: $missing"
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    if command -v dnf >/dev/null 2>&1; then
        echo "To run real containers, install: sudo dnf install podman crun catatonit netavark nftables iproute busybox fuse-sshfs shadow-utils slirp4netns"
    elif command -v pacman >/dev/null 2>&1; then
        echo "To run real containers, install: sudo pacman -S podman crun catatonit netavark nftables iproute2 busybox sshfs slirp4netns"
    else
        echo "To run real containers, install these (names as in Debian): $missing"
    fi
    echo "Without them Kubarium runs its simulated runtime."
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "To run real containers: sudo apt-get install --no-install-recommends $missing"
    echo "Without them Kubarium runs its simulated runtime."
    exit 0
fi

echo "Installing: $missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of packages
apt-get -o Dpkg::Use-Pty=0 install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get -o Dpkg::Use-Pty=0 update -q
    apt-get -o Dpkg::Use-Pty=0 install -y -q --no-install-recommends $missing
}
