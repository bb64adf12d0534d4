"""The boot test, run as root by the systemd that was booted for it; see boot.sh beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

UNIT = "maxbridge.service"
MAX, DESK = "http://127.0.0.1:18081", "http://127.0.0.1:18082"
PERSON = 410000017
CONFIG = Path("/etc/maxbridge/config.toml")
PYTHON = "/opt/maxbridge/bin/python"
PACKAGE = Path("/boot-test/maxbridge.deb")
"""The package that brought program and units; not there when both were put there by hand."""
UNITS = Path("/usr/lib/systemd/system" if PACKAGE.exists() else "/etc/systemd/system")
LONG = "shop.example.org-in-the-old-town"
"""A bot's name of which systemd makes no user."""
LEFT_OUT = (
    "ExecStart",
    "ExecReload",
    "LoadCredential",
    "Restart",
    "RestartSec",
    "Type",
    "NotifyAccess",
)

PROBE = """
import ctypes, mmap, os, socket, subprocess
def tried(what, call):
    try:
        call()
    except OSError as error:
        print(f"  {what}: refused ({error.strerror})")
    else:
        print(f"  {what}: DONE")
def bound(family, kind, address):
    with socket.socket(family, kind) as one:
        one.bind(address)
def listening():
    with socket.socket() as one:
        one.listen()
def executable():
    pages = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
def run_from(folder):
    path = folder + "/program"
    try:
        with open(path, "w") as file:
            file.write("#!/bin/sh\\n")
    except OSError:
        raise PermissionError(13, "cannot even be written there") from None
    os.chmod(path, 0o700)
    try:
        subprocess.run([path], check=True)
    finally:
        os.unlink(path)
libc = ctypes.CDLL(None, use_errno=True)
def unshare():
    if libc.unshare(0x10000000): raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
tried("bind a TCP port", lambda: bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)))
tried("bind a UDP port", lambda: bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)))
tried("bind a TCP port on IPv6", lambda: bound(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)))
tried("listen on any port", listening)
tried("bind an abstract Unix socket", lambda: bound(socket.AF_UNIX, socket.SOCK_STREAM, "\\0probe"))
tried("a raw packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
tried("memory both writable and executable", executable)
tried("write to /opt/maxbridge", lambda: open("/opt/maxbridge/probe", "w"))
tried("write to /etc", lambda: open("/etc/probe", "w"))
tried("read /etc/maxbridge/config.toml", lambda: open("/etc/maxbridge/config.toml"))
tried("look into /root", lambda: os.listdir("/root"))
tried("open /dev/kmsg", lambda: open("/dev/kmsg"))
tried("run a program from the state directory", lambda: run_from(os.environ["STATE_DIRECTORY"]))
tried("put a link beside the settings that root lays", lambda: os.symlink("/etc/shadow", "/run/probe"))
tried("run a program from /tmp", lambda: run_from("/tmp"))
tried("run a program from /dev/shm", lambda: run_from("/dev/shm"))
tried("a new user namespace", unshare)
tried("another host name", lambda: socket.sethostname("probe"))
tried("real-time scheduling", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
print("  user", os.getuid(), "capabilities", [x for x in open("/proc/self/status") if x.startswith("CapEff")][0].split()[1])
print("  processes seen:", sum(name.isdigit() for name in os.listdir("/proc")))
"""


def say(words: str = "") -> None:
    print(words, flush=True)


def title(words: str) -> None:
    say(f"\n--- {words}")


def run(command: str, *, shown: bool = True, fails: bool = False, most: int = 40) -> str:
    """Run a command and show it with what it said."""
    done = subprocess.run(
        shlex.split(command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    text = (done.stdout + done.stderr).rstrip()
    if shown:
        say(f"# {command}")
        for line in text.split("\n")[-most:] if text else ():
            say(f"  {line}")
    if (done.returncode != 0) is not fails:
        raise AssertionError(f"{command}: exit {done.returncode}: {text}")
    return text


def shows(name: str, unit: str = UNIT) -> str:
    return run(f"systemctl show -P {name} {unit}", shown=False)


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")
    say(f"ok: {what}: {found}")


def wait(what: str, done: Callable[[], Any], seconds: float = 100.0) -> Any:
    """Wait until something is so; say how long it took."""
    began = time.monotonic()
    while True:
        found = done()
        if found:
            say(f"ok: {what} ({time.monotonic() - began:.1f} s)")
            return found
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.2)


def control(end: str, action: str, *args: Any) -> Any:
    body = json.dumps({"args": list(args)}).encode()
    request = urllib.request.Request(f"{end}/_sim/{action}", body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        data = json.load(answer)
    if "error" in data:
        raise AssertionError(data)
    return data["result"]


def customers_words() -> list[str]:
    threads = control(DESK, "dump")["threads"].values()
    return [each["body"] for each in threads if each["type"] == "customer"]


def ready(end: str) -> bool:
    try:
        urllib.request.urlopen(f"{end}/_sim/requests", timeout=2)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def override(**lines: str) -> None:
    """Times that suit a test; as "systemctl edit" would write them."""
    folder = Path(f"/run/systemd/system/{UNIT}.d")
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    (folder / "times.conf").write_text(f"[Service]\n{text}")
    run("systemctl daemon-reload", shown=False)


def write_config(token_line: str = "", more: str = "", path: Path = CONFIG) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"""[max]
{token_line}
api_url = "{MAX}"
first_start = "all"
[freescout]
url = "{DESK}"
mailbox_id = 1
user_id = 1
poll_interval = 1
undo_window = 1
{more}
"""
    )
    path.chmod(0o600)


def journal(most: int = 12, unit: str = UNIT) -> str:
    return run(f"journalctl --no-pager -o cat -u {unit} -n {most}", most=most)


def sandbox(*, without: str = "") -> list[str]:
    """The unit's own restrictions as options of systemd-run."""
    options = []
    section = ""
    for line in (UNITS / UNIT).read_text().split("\n"):
        if line.startswith("["):
            section = line
        key, sign, value = line.partition("=")
        if section != "[Service]" or not sign or line.startswith("#") or key in LEFT_OUT:
            continue
        if key.startswith(("Timeout", "Watchdog")) or line == without:
            continue
        value = re.sub(r"\bmaxbridge\b", "maxbridge-probe", value)
        options += ["-p", f"{key}={value}"]
    return options


def probe(*, without: str = "") -> str:
    Path("/boot-test/probe.py").write_text(PROBE)
    done = subprocess.run(
        [
            "systemd-run",
            "--wait",
            "--pipe",
            "--quiet",
            *sandbox(without=without),
            PYTHON,
            "/boot-test/probe.py",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    say(done.stdout.rstrip() + done.stderr.rstrip())
    return done.stdout


# --- what is tried ---------------------------------------------------------------------------------


def machine() -> None:
    title("The machine")
    run("systemctl --version", most=4)
    run("uname -r")
    run(f"{PYTHON} --version")
    run("systemd-analyze security --no-pager --threshold=15 maxbridge.service", most=1)


def boots_without_settings() -> None:
    title("It is enabled, and there are no settings: the boot goes on")
    wait(
        "multi-user.target is reached",
        lambda: shows("ActiveState", "multi-user.target") == "active",
    )
    if PACKAGE.exists():
        wait("the service is not started", lambda: shows("AssertResult") == "no")
    else:
        wait("the service cannot start", lambda: shows("ExecMainStatus") == "243")
    run("systemctl status --no-pager -n 2 maxbridge", fails=True, most=6)
    run("systemctl stop maxbridge")


def starts() -> None:
    title("A start")
    run("systemctl start maxbridge-sim")
    wait("both simulators answer", lambda: ready(MAX) and ready(DESK))
    keys = json.loads(Path("/run/maxbridge-sim.json").read_text())
    store = Path("/etc/credstore")
    store.mkdir(exist_ok=True)
    for name, key in (("max_token", "max_token"), ("freescout_api_key", "freescout_key")):
        for unit in ("maxbridge", "maxbridge-shop"):
            file = store / f"{unit}.{name}"
            file.write_text(keys[key])
            file.chmod(0o600)
    write_config()
    run("systemctl reset-failed maxbridge")
    run("systemctl start maxbridge")
    expect("ActiveState", shows("ActiveState"), "active")
    run("systemctl status --no-pager -n 4 maxbridge", most=20)
    run("systemctl show maxbridge -p Type,NotifyAccess,WatchdogUSec,StatusText,NRestarts,Result")
    pid = shows("MainPID")
    status = Path(f"/proc/{pid}/status").read_text()
    wanted = ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp:", "VmRSS", "Threads")
    say("  " + "\n  ".join(line for line in status.split("\n") if line.startswith(wanted)))
    run("ss -Hltnup")
    wait(
        "nothing of the service listens",
        lambda: f"pid={pid}," not in run("ss -Hltnup", shown=False),
    )


def carries_messages() -> None:
    title("A message and its answer")
    chat = control(MAX, "person", PERSON, "Марина", "Тестова")["chat_id"]
    control(MAX, "say", PERSON, "Где мой заказ?")
    wait("the desk has the message", customers_words)
    control(DESK, "reply", 1, "<div>Завтра</div>")
    wait("the customer has the answer", lambda: control(MAX, "texts", chat) == ["Завтра"])
    wait("the status line knows", lambda: "last message just now" in shows("StatusText"))
    say(f"  {shows('StatusText')}")


def restricted() -> None:
    title("What a program can do inside the unit's restrictions")
    text = probe()
    expect("tried", PROBE.count("\ntried("), text.count(": refused ("))
    expect("allowed", text.count("DONE"), 0)
    say()
    title("The same without the filter line for bind and listen: is SocketBindDeny enforced?")
    text = probe(without="SystemCallFilter=~bind listen accept accept4")
    by_bpf = "bind a TCP port: refused" in text
    if not by_bpf and "bind a TCP port: DONE" not in text:
        raise AssertionError("the probe did not run")
    features = run("systemctl --version", shown=False)
    say(
        f"  SocketBindDeny alone {'refuses' if by_bpf else 'does NOT refuse'} a port here; "
        f"systemd has {re.findall('[+-]BPF_FRAMEWORK', features)}"
    )


def reloads() -> None:
    title("systemctl reload")
    write_config(more='[texts]\nsignature = "С уважением, {name}"\n')
    run("systemctl reload maxbridge")
    wait(
        "the journal says so",
        lambda: "settings reloaded" in run(f"journalctl -o cat -u {UNIT}", shown=False),
    )
    journal(3)
    folder, copy = (
        Path("/run/maxbridge.fresh").lstat(),
        Path(f"/run/maxbridge.fresh/{UNIT}").lstat(),
    )
    expect(
        "its folder is root's", (folder.st_uid, stat.filemode(folder.st_mode)), (0, "drwxr-xr-x")
    )
    expect("the copy is the service's to read", stat.filemode(copy.st_mode), "-r--------")
    expect("and not root's", copy.st_uid >= 61184, True)
    control(DESK, "reply", 1, "<div>Уже едет</div>")
    chat = control(MAX, "person", PERSON + 1, "Другой")["chat_id"] - 1
    wait("the new signature is used", lambda: "С уважением" in control(MAX, "texts", chat)[-1])
    title("systemctl reload with what needs a restart, and with mistakes")
    write_config(more='[log]\nlevel = "debug"\n[store]\npath = "/var/lib/maxbridge/other.db"\n')
    run("systemctl reload maxbridge")
    wait(
        "the journal says so",
        lambda: "needs a restart" in run(f"journalctl -o cat -u {UNIT}", shown=False),
    )
    CONFIG.write_text(CONFIG.read_text() + '[tickets]\nreopen_days = "soon"\nstatuss = "active"\n')
    run("systemctl reload maxbridge")
    wait("the status line says so", lambda: "settings not reloaded" in shows("StatusText"))
    run(
        f"sh -c 'journalctl -o cat -u {UNIT} | grep -A3 -E \"needs a restart|not reloaded\"'",
        most=12,
    )
    say(f"  {shows('StatusText')}")
    wait("it goes on", lambda: shows("ActiveState") == "active")
    write_config()
    run("systemctl reload maxbridge")
    wait(
        "mended",
        lambda: (
            "both ends answer" in shows("StatusText") and "not reloaded" not in shows("StatusText")
        ),
    )


def comes_back() -> None:
    title("kill -9")
    pid = shows("MainPID")
    run(f"kill -9 {pid}")
    wait(
        "it runs again",
        lambda: shows("MainPID") not in (pid, "0") and shows("ActiveState") == "active",
    )
    title("kill -STOP: a process that hangs (WatchdogSec=6 for the test)")
    override(WatchdogSec="6")
    run("systemctl restart maxbridge")
    time.sleep(15)
    expect("it lives on a watchdog of 6 s", shows("NRestarts"), "0")
    pid = shows("MainPID")
    run(f"kill -STOP {pid}")
    wait(
        "it runs again",
        lambda: shows("MainPID") not in (pid, "0") and shows("ActiveState") == "active",
    )
    run(f"sh -c 'journalctl -o cat -u {UNIT} | grep -i -A12 watchdog | head -14'", most=14)
    control(MAX, "say", PERSON, "Спасибо")
    wait("and works", lambda: any("Спасибо" in each for each in customers_words()))


def waits_for_an_end() -> None:
    title("FreeScout is away while it starts (TimeoutStartSec=15 for the test)")
    override(TimeoutStartSec="15")
    control(DESK, "refuse", 45)
    time.sleep(2)
    began = time.monotonic()
    run("systemctl restart --no-block maxbridge")
    wait("it says what it waits for", lambda: "waits for FreeScout for" in shows("StatusText"), 30)
    say(f"  {shows('ActiveState')}: {shows('StatusText')}")
    expect("ActiveState", shows("ActiveState"), "activating")
    wait("it is ready", lambda: shows("ActiveState") == "active", 200)
    say(f"  after {time.monotonic() - began:.0f} s, restarts: {shows('NRestarts')}")
    expect("it was not killed meanwhile", shows("NRestarts"), "0")
    override()
    title("Both ends away while it runs")
    control(DESK, "refuse", 20)
    control(MAX, "refuse", 20)
    wait("the status line says so", lambda: "cannot be reached" in shows("StatusText"), 60)
    say(f"  {shows('StatusText')}")
    wait("it is over", lambda: "both ends answer" in shows("StatusText"), 200)
    expect("NRestarts", shows("NRestarts"), "0")


def refuses() -> None:
    title("A wrong token")
    file = Path("/etc/credstore/maxbridge.max_token")
    token = file.read_text()
    file.write_text("wrong-token-0000000000")
    run("systemctl restart maxbridge", fails=True)
    expect("exit code", shows("ExecMainStatus"), "78")
    time.sleep(8)
    expect("no restart", (shows("ActiveState"), shows("NRestarts")), ("failed", "0"))
    run("systemctl status --no-pager -n 2 maxbridge", fails=True, most=14)
    file.write_text(token)


def taken_over() -> None:
    """What a service that was taken over could leave in its folder for root."""
    title("links in the service's folder, and commands of root")
    run("systemctl stop maxbridge")
    home, victim = Path("/var/lib/private/maxbridge"), Path("/etc/maxbridge/victim")
    user = home.stat().st_uid
    expect("the folder is the dynamic user's", user >= 61184, True)
    victim.write_text("root's")
    before = victim.stat()
    kept = home / "kept.db"
    (home / "maxbridge.db").rename(kept)
    for name in ("maxbridge.db", "maxbridge.db-wal", "maxbridge.db.lock"):
        (home / name).unlink(missing_ok=True)
        (home / name).symlink_to(victim)
        os.chown(home / name, user, user, follow_symlinks=False)
    for command in ("queue list", "status", "check", "backup /root/copy.db", "restore /root/x.db"):
        run(f"/opt/maxbridge/bin/maxbridge {command}", fails=True, most=3)
    after = victim.stat()
    same = (after.st_uid, after.st_mode, victim.read_text()) == (0, before.st_mode, "root's")
    expect("root's file is as it was", same, True)
    for name in ("maxbridge.db", "maxbridge.db-wal", "maxbridge.db.lock"):
        (home / name).unlink(missing_ok=True)
    kept.rename(home / "maxbridge.db")
    victim.unlink()
    run("/opt/maxbridge/bin/maxbridge backup /root/copy.db", most=3)
    run("/opt/maxbridge/bin/maxbridge restore /root/copy.db --yes", most=3)
    expect("all is the service's", {each.lstat().st_uid for each in home.iterdir()}, {user})
    run("systemctl start maxbridge")
    run("/opt/maxbridge/bin/maxbridge status", most=3)


def second_instance() -> None:
    title("maxbridge@shop")
    write_config(path=Path("/etc/maxbridge/shop.toml"))
    run("systemctl start maxbridge@shop")
    run("systemctl reload maxbridge@shop")
    wait("it goes on", lambda: shows("ActiveState", "maxbridge@shop") == "active")
    wait(
        "its journal says so",
        lambda: "settings reloaded" in run("journalctl -o cat -u maxbridge@shop", shown=False),
    )
    expect(
        "its database is its own",
        Path("/var/lib/private/maxbridge-shop/maxbridge.db").exists(),
        True,
    )
    run("systemctl reload maxbridge")
    one, other = (int(shows("MainPID", unit)) for unit in ("maxbridge", "maxbridge@shop"))
    names = [shows("User", unit) for unit in ("maxbridge", "maxbridge@shop")]
    expect("the users' names", names, ["maxbridge", "maxbridge-shop"])
    users = {Path(f"/proc/{pid}").stat().st_uid for pid in (one, other)}
    expect("each has a user of its own", len(users), 2)
    user = Path(f"/proc/{other}").stat().st_uid
    for path, denied in (
        ("/var/lib/private/maxbridge/maxbridge.db", True),
        ("/run/maxbridge.fresh/maxbridge.service", True),
        (f"/proc/{one}/environ", True),
        ("/var/lib/private/maxbridge-shop/maxbridge.db", False),
    ):
        inside = f"nsenter -t {other} -m setpriv --reuid {user} --regid {user} --clear-groups"
        run(f"{inside} head -c 1 {path}", shown=False, fails=denied)
        say(f"ok: as maxbridge-shop, {path}: {'refused' if denied else 'read'}")
    run("systemctl stop maxbridge@shop")
    settings_of(LONG)
    settings_of("shop.ru")
    run("systemctl start maxbridge@shop.ru", fails=True)
    run("systemctl stop maxbridge@shop.ru")
    run(f"systemctl start maxbridge@{LONG}", fails=True)
    run(f"systemctl status --no-pager -n 5 maxbridge@{LONG}", fails=True, most=12)
    check = f"/opt/maxbridge/bin/maxbridge check --config /etc/maxbridge/{LONG}.toml"
    said = run(f"sh -c '{check} | grep -A 1 system.unit'")
    expect("check tells what to do", "User=maxbridge-short" in said, True)
    name_its_user()
    run(f"systemctl start maxbridge@{LONG}")
    expect("with a user's name of its own", shows("ActiveState", f"maxbridge@{LONG}"), "active")
    run(f"systemctl stop maxbridge@{LONG}")
    shutil.rmtree(DROP_IN.parent)
    run("systemctl daemon-reload")


DROP_IN = Path(f"/etc/systemd/system/maxbridge@{LONG}.service.d/override.conf")


def settings_of(bot: str) -> None:
    shop = Path("/etc/maxbridge/shop.toml").read_text()
    Path(f"/etc/maxbridge/{bot}.toml").write_text(shop)
    for secret in ("max_token", "freescout_api_key"):
        kept = Path(f"/etc/credstore/maxbridge-shop.{secret}")
        kept.with_name(f"maxbridge-{bot}.{secret}").write_text(kept.read_text())


def name_its_user() -> None:
    """Do as "systemctl edit maxbridge@NAME" and docs/operations.md."""
    DROP_IN.parent.mkdir()
    DROP_IN.write_text("[Service]\nUser=maxbridge-short\n")
    run("systemctl daemon-reload")


def from_one_user_for_all() -> None:
    """An upgrade from units without "User=maxbridge-%i", under which all bots were one user."""
    title("An upgrade from one user for all bots")
    bots = ("maxbridge", "maxbridge@shop", f"maxbridge@{LONG}")
    unit = UNITS / "maxbridge@.service"
    text = unit.read_text()
    run("systemctl stop maxbridge")
    for each in bots:  # on the disk as Debian 12 leaves it; 257 leaves it as nobody's
        for path in (folder_of(each), *folder_of(each).rglob("*")):
            os.chown(path, 62704, 62704, follow_symlinks=False)
    unit.write_text(text.replace("User=maxbridge-%i\n", ""))
    run("systemctl daemon-reload")
    for each in bots:
        run(f"systemctl start {each}")
    expect("one user has all", len({owners_of(each) for each in bots}), 1)
    if PACKAGE.exists():
        said = run(f"dpkg --install {PACKAGE}", most=20)
        expect("it says whose name is none", f"systemctl edit maxbridge@{LONG}" in said, True)
    else:
        unit.write_text(text)
        run("systemctl daemon-reload")
        for each in bots:
            run(f"systemctl restart --no-block {each}")
    expect("the unit is the new one", unit.read_text() == text, True)
    wait(f"{bots[2]} cannot start", lambda: shows("Result", bots[2]) == "resources")
    run(f"journalctl --no-pager -o cat -u {bots[2]} -n 4")
    name_its_user()
    run(f"systemctl restart {bots[2]}")
    for each in bots:
        runs(each)
    after = {each: owners_of(each) for each in bots}
    expect("each has a user of its own", len({user for user, _ in after.values()}), 3)
    for each, (user, files) in after.items():
        # systemd 257 shows the service its folder through a mapping of users; on the disk it is nobody's.
        expect(f"{each}: {user} has its files", files in ({user}, {65534}), True)
    for each in bots[1:]:
        run(f"systemctl stop {each}")


def runs(bot: str) -> None:
    wait(f"{bot} runs", lambda: shows("ActiveState", bot) == "active")


def folder_of(bot: str) -> Path:
    return Path("/var/lib/private") / bot.replace("@", "-")


def owners_of(bot: str) -> tuple[int, frozenset[int]]:
    """Who runs a bot, and who owns its files on the disk."""
    home = folder_of(bot)
    files = frozenset(each.lstat().st_uid for each in (home, *home.rglob("*")))
    return Path(f"/proc/{shows('MainPID', bot)}").stat().st_uid, files


def stops() -> None:
    title("systemctl stop")
    run("systemctl start maxbridge")
    began = time.monotonic()
    run("systemctl stop maxbridge")
    say(f"  {time.monotonic() - began:.1f} s")
    expect("Result", (shows("Result"), shows("ActiveState")), ("success", "inactive"))
    expect("no copy of settings is left", list(Path("/run/maxbridge.fresh").iterdir()), [])
    text = run("journalctl --no-pager -o cat -u maxbridge -u maxbridge@shop", shown=False)
    keys = json.loads(Path("/run/maxbridge-sim.json").read_text())
    for secret in (keys["max_token"], keys["freescout_key"], "Где мой заказ", "Спасибо"):
        if secret in text:
            raise AssertionError("the journal holds what it must not")
    say("ok: neither keys nor customers' words in the journal")


def main() -> int:
    """Try everything in turn; the first thing that is wrong ends the test."""
    try:
        for step in (
            machine,
            boots_without_settings,
            starts,
            carries_messages,
            restricted,
            reloads,
            comes_back,
            waits_for_an_end,
            refuses,
            taken_over,
            second_instance,
            from_one_user_for_all,
            stops,
        ):
            step()
    except AssertionError as error:
        say(f"WRONG: {error}")
        run("journalctl --no-pager -o short-monotonic -n 60", most=60)
        return 1
    say("\nall is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
