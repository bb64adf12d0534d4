#!/usr/bin/env bash
# Runs the tests on the Python of another Debian release, in a root of its own that is removed afterwards.
#
#   sudo tools/pythons.sh SUITE [pytest's arguments]        for instance: trixie (3.13), forky (3.14)
#
# What is tested is the last commit. Ends with 69 when the root cannot be made, else as pytest does.
# Needs root, git and debootstrap; the Debian mirror and pip's settings are those of this machine.
set -euo pipefail

suite=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d "${TMPDIR:-/var/tmp}/maxbridge-python-XXXXXX")
began=$SECONDS
trap 'rm -rf --one-file-system "$root" "$root.log"' EXIT
trap 'exit 130' INT TERM HUP

cannot() {
    [ ! -e "$root.log" ] || tail -n 5 "$root.log" >&2
    echo "${0##*/}: $1" >&2
    exit 69
}

[ "$(id -u)" = 0 ] || cannot "needs root"
for each in debootstrap git unshare; do
    command -v "$each" > /dev/null || cannot "$each is missing"
done
# The mirror that this machine uses; it is never written down.
mirror=$(apt-get indextargets --no-release-info --format "\$(SITE)" 'Created-By: Packages' 2> /dev/null |
    awk '/\/debian\/?$/ && !found { print; found = 1 }')
[ -n "$mirror" ] || cannot "apt knows no Debian mirror"

# A debootstrap that is older than the release does not know it; all newer ones are made alike.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
packages=python3,python3-venv,ca-certificates,git,openssl,procps,iproute2
debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" "$script" > "$root.log" 2>&1 ||
    cannot "debootstrap $suite"
git clone --quiet "$here" "$root/srv/maxbridge"
for each in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$each" ] || { mkdir -p "$root${each%/*}" && cp -rL "$each" "$root${each%/*}/"; }
done
settings=()
for each in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_CERT PIP_DEFAULT_TIMEOUT; do
    [ -z "${!each:-}" ] || settings+=("$each=${!each}")
done

# Mounts of a name space of its own: they are gone when it ends, however it ends.
inside() {
    unshare --mount --propagation private bash -ec '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mkdir -p "$root/dev/pts" "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
        ln -sf pts/ptmx "$root/dev/ptmx"
        mount -t tmpfs tmpfs "$root/dev/shm"
        exec chroot "$root" "$@"' - \
        "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "${settings[@]}" "$@"
}

inside sh -ec '
    cd /srv/maxbridge
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,screens]"' \
    > "$root.log" 2>&1 || cannot "pip in $suite"
echo "$suite: $(inside python3 --version), a fresh root in $((SECONDS - began)) s"
inside sh -c 'cd /srv/maxbridge && exec .venv/bin/python -m pytest -q -p no:cacheprovider "$@"' - "$@"
