#!/usr/bin/env bash
# Boots Debian's systemd with the units of systemd/ and tries them for real: docs/systemd.md.
#
#   sudo tools/boot/boot.sh WHEEL|DEB SUITE…       for instance: dist/maxbridge_freescout-*.whl bookworm trixie
#
# The wheel goes into /opt/maxbridge and its units into /etc/systemd/system, by hand; the .deb brings both.
# No virtual machine: systemd runs as process 1 of namespaces of its own (processes, mounts, network,
# control groups), on a fresh Debian from mmdebstrap (world.sh). The Debian is made once per suite.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1")
kind=wheel
[ "${program%.deb}" = "$program" ] || kind=deb
shift
. "$here/world.sh"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

by_hand() { # maxbridge into /opt/maxbridge, as docs say
    # Behind a proxy with a certificate of its own, pip must know it.
    cp -L "${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}" "$root/tmp/ca.crt"
    cp "$program" "$here/../../constraints.txt" "$root/tmp/"
    inside PIP_CERT=/tmp/ca.crt ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} /bin/sh -ec "
        [ -x /opt/maxbridge/bin/pip ] || python3 -m venv /opt/maxbridge
        pip='/opt/maxbridge/bin/pip -q --disable-pip-version-check'
        \$pip install -c /tmp/constraints.txt /tmp/$(basename "$program")
        \$pip install --force-reinstall --no-deps /tmp/$(basename "$program")"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    cp "$here"/../../systemd/maxbridge*.service "$root/etc/systemd/system/"
    ln -sf /etc/systemd/system/maxbridge.service "$root/etc/systemd/system/multi-user.target.wants/"
}

by_package() { # the .deb enables the service itself; it stays at hand, to be installed again
    cp "$program" "$root/boot-test/maxbridge.deb"
    inside DEBIAN_FRONTEND=noninteractive apt-get -yqq -o Dpkg::Use-Pty=0 install --no-install-recommends \
        /boot-test/maxbridge.deb > "$root/boot-test/apt.log" 2>&1 ||
        { cat "$root/boot-test/apt.log" >&2; die "apt-get install"; }
}

prepare() {
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    [ "$kind" = wheel ] || inside dpkg --purge maxbridge > /dev/null 2>&1
    rm -rf "$root"/var/lib/private "$root"/var/lib/maxbridge* "$root"/etc/maxbridge "$root"/etc/credstore \
        "$root"/etc/systemd/system/maxbridge* "$root"/etc/systemd/system/*.wants/maxbridge* \
        "$root"/var/log/journal "$root"/boot-test "$root"/root/copy.db
    mkdir -p "$root/boot-test" "$root/etc/systemd/system/multi-user.target.wants"
    if [ "$kind" = deb ]; then by_package; else by_hand; fi
    cp "$here"/*.service "$root/etc/systemd/system/"
    cp "$here/inside.py" "$root/boot-test/"
    ln -sf /etc/systemd/system/boot-test.service "$root/etc/systemd/system/multi-user.target.wants/"
    ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"
    echo maxbridge-boot > "$root/etc/hostname"
    : > "$root/etc/machine-id"
}

failed=0
for suite in "$@"; do
    root=$BOOT_DIR/$suite
    [ "$kind" = wheel ] || root=$root-deb
    echo "=== $suite, $kind"
    debian "$suite" "$root" systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,procps,iproute2
    prepare
    boot "$root"
    cat "$root/boot-test/transcript" 2>/dev/null || { cat "$root/boot-test/boot.log"; tail -50 "$root/boot-test/console"; }
    grep -q '^all is well$' "$root/boot-test/transcript" 2>/dev/null || { failed=1; echo "FAILED: $suite"; }
done
exit "$failed"
