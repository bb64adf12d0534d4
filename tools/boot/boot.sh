#!/usr/bin/env bash
# Boots Debian's systemd with the units of systemd/ and tries them for real: docs/systemd.md.
#
#   sudo tools/boot/boot.sh WHEEL SUITE…       for instance: dist/maxbridge-0.1.0-*.whl bookworm trixie
#
# No virtual machine: systemd runs as process 1 of namespaces of its own (processes, mounts, network,
# control groups), on a fresh Debian from mmdebstrap. Of the host it needs root, mmdebstrap, unshare
# and a mounted cgroup2. Everything lies in $BOOT_DIR; the Debian is made once per suite.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
wheel=$(realpath "$1")
shift
BOOT_DIR=${BOOT_DIR:-/var/tmp/maxbridge-boot}
MIRROR=${MIRROR:-http://deb.debian.org/debian}
PATIENCE=${PATIENCE:-900}

die() { echo "boot test: $1" >&2; exit 69; }

[ "$(id -u)" = 0 ] || die "needs root: sudo make boot-test"
command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
cgroups=$(findmnt -n -o TARGET -t cgroup2 | head -1)
[ -n "$cgroups" ] || die "no cgroup2 is mounted on this machine"

debian() { # suite, folder: a minimal system, once
    [ -e "$2/.complete" ] && return
    rm -rf "$2"
    mkdir -p "$BOOT_DIR"
    mmdebstrap --mode=root --variant=minbase --quiet \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
        --include=systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,procps,iproute2 \
        "$1" "$2" "$MIRROR"
    touch "$2/.complete"
}

program() { # folder: maxbridge into /opt/maxbridge, as docs say
    cp /etc/resolv.conf /etc/hosts "$1/etc/"
    # Behind a proxy with a certificate of its own, pip must know it.
    cp -L "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$1/tmp/ca.crt"
    cp "$wheel" "$here/../../constraints.txt" "$1/tmp/"
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PIP_CERT=/tmp/ca.crt \
        ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} chroot "$1" /bin/sh -ec "
        [ -x /opt/maxbridge/bin/pip ] || python3 -m venv /opt/maxbridge
        pip='/opt/maxbridge/bin/pip -q --disable-pip-version-check'
        \$pip install -c /tmp/constraints.txt /tmp/$(basename "$wheel")
        \$pip install --force-reinstall --no-deps /tmp/$(basename "$wheel")"
    rm -rf "$1"/var/lib/private "$1"/var/lib/maxbridge* "$1"/etc/maxbridge "$1"/etc/credstore \
        "$1"/etc/systemd/system/maxbridge* "$1"/etc/systemd/system/*.wants/maxbridge* \
        "$1"/var/log/journal "$1"/boot-test
    mkdir -p "$1/boot-test" "$1/etc/systemd/system/multi-user.target.wants"
    cp "$here"/../../systemd/maxbridge*.service "$here"/*.service "$1/etc/systemd/system/"
    cp "$here/inside.py" "$1/boot-test/"
    for unit in maxbridge.service boot-test.service; do
        ln -sf "/etc/systemd/system/$unit" "$1/etc/systemd/system/multi-user.target.wants/"
    done
    ln -sf /dev/null "$1/etc/systemd/system/console-getty.service"
    echo maxbridge-boot > "$1/etc/hostname"
    : > "$1/etc/machine-id"
}

boot() { # folder
    group=$cgroups/maxbridge-boot
    mkdir -p "$group"
    # Process 1 must not reach beyond its own world: no kernel modules, no clock, no kernel settings.
    timeout --kill-after=10 "$PATIENCE" bash -c 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"' - "$group" \
        unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup --propagation private \
        bash -ec '
            cd "$1"
            mount --bind . .
            cd "$1"
            mount -t proc proc proc
            mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
            mount -t sysfs -o ro sysfs sys
            mount -t cgroup2 cgroup2 sys/fs/cgroup
            mount -t tmpfs -o mode=755 tmpfs run
            mount -t tmpfs tmpfs tmp
            mount -t tmpfs -o mode=755 tmpfs dev
            mkdir dev/pts dev/shm
            for each in null zero full random urandom tty; do
                touch dev/$each && mount --bind /dev/$each dev/$each
            done
            mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
            ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd
            : > boot-test/console
            touch dev/console && mount --bind boot-test/console dev/console
            pivot_root . mnt
            cd /
            umount -l /mnt
            # systemd mounts credentials in a helper of its own and wants to see them.
            mount --make-rshared /
            exec setpriv --bounding-set -sys_module,-sys_time,-sys_rawio,-syslog \
                env -i container=boot-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
        ' bash "$1" </dev/null >"$1/boot-test/boot.log" 2>&1 || true
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

failed=0
for suite in "$@"; do
    root=$BOOT_DIR/$suite
    echo "=== $suite"
    debian "$suite" "$root"
    program "$root"
    boot "$root"
    cat "$root/boot-test/transcript" 2>/dev/null || { cat "$root/boot-test/boot.log"; tail -50 "$root/boot-test/console"; }
    grep -q '^all is well$' "$root/boot-test/transcript" 2>/dev/null || { failed=1; echo "FAILED: $suite"; }
done
exit "$failed"
