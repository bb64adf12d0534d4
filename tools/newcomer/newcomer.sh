#!/usr/bin/env bash
# A new administrator's way from the package to the first message, on a fresh Debian whose systemd is
# booted for it: writes docs/transcripts/first-message.txt.
#
#   sudo tools/newcomer/newcomer.sh PYTHON DEB [SUITE]      for instance: .venv/bin/python dist/x.deb bookworm
#
# Both ends are the simulators, outside of that Debian but in its network, under the real names and with
# https. What apt has to fetch is fetched beforehand: nothing in there reaches the network.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
python=$(realpath -s "$1")
deb=$(realpath "$2")
suite=${3:-bookworm}
transcript=$here/../../docs/transcripts/first-message.txt
. "$here/../boot/world.sh"

base=$BOOT_DIR/newcomer-$suite
root=$BOOT_DIR/newcomer
ends=$BOOT_DIR/ends
simulators=
system=

tidy() {
    [ -z "$simulators" ] || kill "$simulators" 2>/dev/null || true
    [ -z "$system" ] || echo 1 > "$group/cgroup.kill" || true
    wait 2>/dev/null || true
    rm -rf --one-file-system "$root" "$ends"
}
trap tidy EXIT
trap 'exit 130' INT TERM HUP

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

debian "$suite" "$base" systemd,systemd-sysv,dbus,sudo,ca-certificates,procps
rm -rf --one-file-system "$root" "$ends"
cp -a "$base" "$root"
mkdir -p "$root/boot-test" "$ends"
echo server > "$root/etc/hostname"
printf '127.0.0.1 localhost server\n192.0.2.1 platform-api2.max.ru\n192.0.2.2 desk.example.ru\n' > "$root/etc/hosts"
ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"
inside useradd --create-home --shell /bin/bash anna
echo 'anna ALL=(ALL:ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/anna"
cp "$deb" "$root/home/anna/maxbridge.deb"
# Beforehand: what apt fetches. An address of ours must not stay in there.
cp "$root/etc/hosts" "$ends/hosts"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
inside apt-get -q update > "$ends/log" 2>&1 || { cat "$ends/log" >&2; die "apt-get update"; }
began=$(date +%s%N)
inside apt-get -yq install --download-only /home/anna/maxbridge.deb > "$ends/log" 2>&1 ||
    { cat "$ends/log" >&2; die "apt-get install --download-only"; }
fetched=$(( ($(date +%s%N) - began) / 100000000 ))
size=$(du -cb "$root"/var/cache/apt/archives/*.deb | tail -1 | cut -f1)
cp "$ends/hosts" "$root/etc/hosts"
: > "$root/etc/resolv.conf"
: > "$root/etc/machine-id"

boot "$root" 2>/dev/null &  # bash would tell how it ends
system=$!
for _ in $(seq 100); do
    if process=$(leader) && [ -S "/proc/$process/root/run/systemd/private" ]; then break; fi
    kill -0 "$system" 2>/dev/null || { cat "$root/boot-test/boot.log" >&2; die "it does not boot"; }
    sleep 0.2
done
[ -n "$process" ] || die "it does not boot"
net() { nsenter --net="/proc/$process/ns/net" "$@"; }
net ip link set lo up
for address in 192.0.2.1 192.0.2.2; do net ip address add "$address/32" dev lo; done
PYTHONPATH=$here/..:$here/../../tests
export PYTHONPATH
nsenter --net="/proc/$process/ns/net" "$python" -m ends "$ends" > "$ends/keys" &
simulators=$!
for _ in $(seq 100); do
    [ ! -s "$ends/keys" ] || break
    kill -0 "$simulators" 2>/dev/null || die "the simulators do not start"
    sleep 0.2
done
cp "$ends/authority.crt" "$root/usr/local/share/ca-certificates/simulators.crt"
inside update-ca-certificates > "$ends/log" 2>&1 || { cat "$ends/log" >&2; die "update-ca-certificates"; }
net "$python" -m newcomer "$process" "$ends/keys" --fetched "$size" "$fetched" --suite "$suite" > "$ends/transcript" || {
    cat "$ends/transcript" >&2
    nsenter --target "$process" --all journalctl --no-pager -o short-monotonic -n 40 >&2 || true
    die "the way ends here"
}
! grep -qF "$(echo "$MIRROR" | sed 's#^[a-z]*://##; s#/.*##')" "$ends/transcript" || die "the mirror's address is in it"
cp "$ends/transcript" "$transcript"
cat "$transcript"
