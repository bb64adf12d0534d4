#!/usr/bin/env bash
# Boots Debian's systemd with the units of systemd/ and tries them for real: docs/systemd.md.
#
#   sudo tools/boot/boot.sh WHEEL SUITE…       for instance: dist/maxbridge_freescout-*.whl bookworm trixie
#
# No virtual machine: systemd runs as process 1 of namespaces of its own (processes, mounts, network,
# control groups), on a fresh Debian from mmdebstrap (world.sh). The Debian is made once per suite.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
wheel=$(realpath "$1")
shift
. "$here/world.sh"

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
        "$1"/var/log/journal "$1"/boot-test "$1"/root/copy.db
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

failed=0
for suite in "$@"; do
    root=$BOOT_DIR/$suite
    echo "=== $suite"
    debian "$suite" "$root" systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,procps,iproute2
    program "$root"
    boot "$root"
    cat "$root/boot-test/transcript" 2>/dev/null || { cat "$root/boot-test/boot.log"; tail -50 "$root/boot-test/console"; }
    grep -q '^all is well$' "$root/boot-test/transcript" 2>/dev/null || { failed=1; echo "FAILED: $suite"; }
done
exit "$failed"
