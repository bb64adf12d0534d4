# A world of its own for commands that an administrator runs as root: /etc, /var/lib and /run of this
# machine are not touched, and the names of both ends lead to the simulators. Needs no root outside.
#
#   unshare --user --map-root-user --mount --net sh world.sh UNITS COMMAND…
set -e
units=$1
shift
ip link set lo up
for address in 192.0.2.1 192.0.2.2; do ip address add "$address/32" dev lo; done
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work,userxattr overlay /etc
mount -t tmpfs -o mode=755 tmpfs /var/lib
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/ends
printf '127.0.0.1 localhost\n192.0.2.1 platform-api2.max.ru\n192.0.2.2 desk.example.ru\n' > /etc/hosts
rm -rf /etc/maxbridge /etc/credstore
cp "$units"/maxbridge*.service /etc/systemd/system/
exec "$@"
