# shellcheck shell=bash
# Sourced by who boots a Debian's systemd as process 1 of namespaces of its own: no virtual machine.
#
# Needs root, mmdebstrap, unshare and a mounted cgroup2. Everything lies in $BOOT_DIR.
BOOT_DIR=${BOOT_DIR:-/var/tmp/maxbridge-boot}
PATIENCE=${PATIENCE:-900}

die() { echo "${0##*/}: $1" >&2; exit 69; }

[ "$(id -u)" = 0 ] || die "needs root"
command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
cgroups=$(findmnt -n -o TARGET -t cgroup2 | head -1)
[ -n "$cgroups" ] || die "no cgroup2 is mounted on this machine"
group=$cgroups/maxbridge-boot-$$

# The mirror that this machine uses, if it is a Debian; it is never written down.
MIRROR=${MIRROR:-$(apt-get indextargets --no-release-info --format "\$(SITE)" 'Created-By: Packages' 2>/dev/null |
    awk '/\/debian\/?$/ && !found { print; found = 1 }')}
MIRROR=${MIRROR:-http://deb.debian.org/debian}

debian() { # suite, folder, packages: a minimal system, once
    [ -e "$2/.complete" ] && return
    rm -rf --one-file-system "$2"
    mkdir -p "$BOOT_DIR"
    mmdebstrap --mode=root --variant=minbase --quiet \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Check-Date "false"' \
        --include="$3" "$1" "$2" "$MIRROR"
    touch "$2/.complete"
}

boot() { # folder
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

leader() { # the process outside that is process 1 inside
    for each in $(cat "$group/cgroup.procs" "$group"/*/cgroup.procs 2>/dev/null); do
        grep -q $'^NSpid:.*\t1$' "/proc/$each/status" 2>/dev/null && echo "$each" && return
    done
    return 1
}
