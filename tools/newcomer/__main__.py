"""The way itself; run by newcomer.sh, which made the world for it. Writes the transcript to stdout."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ends.answers import answers
from ends.people import at_desk, at_max
from newcomer.shell import Shell, Step, WrongError

PERSON = 410000017
AGENT = 2
_QUESTION = "Здравствуйте! Где мой заказ № 15?"
_ANSWER = "Добрый день! Заказ у курьера, будет завтра до 18:00."
_GREETING = "Здравствуйте! Напишите нам, ответим здесь же."
_HEAD = """\
From the package to the first message, on a fresh Debian ({suite}, minbase with sudo, systemd as process 1).

Made by `make newcomer`. Commands and answers are typed by a script, at once: a person adds the time in which they read
and type. The stamps are seconds since the first command. Both ends are the simulators, under the names
platform-api2.max.ru and desk.example.ru, with https; the authority of their certificates was installed
beforehand, a user "MAX bridge" made in FreeScout. The machine has no network besides: apt fetched before
what it needs ({megabytes:.1f} MB; here that took {fetched:.1f} s and is not counted). sudo asks no password. The token and the key
are typed and not shown. Left out: what was overwritten on the terminal while it stood there.
"""


def main() -> int:
    """Go the way; the first thing that is wrong ends it."""
    parser = argparse.ArgumentParser(prog="python -m newcomer", description=__doc__)
    parser.add_argument("leader", type=int, help="process 1 of the Debian")
    parser.add_argument("keys", type=Path, help="what the simulators printed")
    parser.add_argument("--fetched", type=int, nargs=2, metavar=("BYTES", "TENTHS"), required=True)
    parser.add_argument("--suite", required=True)
    options = parser.parse_args()
    size, tenths = options.fetched
    print(_HEAD.format(suite=options.suite, megabytes=size / 1e6, fetched=tenths / 10), end="")
    shell = Shell(options.leader)
    try:
        _way(shell, json.loads(options.keys.read_text()))
    except (WrongError, AssertionError) as error:
        print(f"WRONG: {error}", file=sys.stderr)
        return 1
    _sum(shell)
    return 0


def _way(shell: Shell, keys: dict[str, str]) -> None:
    shell.run("apt install", "sudo apt install ./maxbridge.deb", [("[Y/n]", "y")])
    shell.run(
        "maxbridge init",
        "sudo maxbridge init",
        answers(keys, "en", _GREETING),
    )
    shell.run("maxbridge check", "sudo maxbridge check")
    shell.run("start of the service", "sudo systemctl enable --now maxbridge")
    _messages(shell)
    shell.run("maxbridge status", "sudo maxbridge status")
    shell.run("", "sudo journalctl --no-pager -o cat -u maxbridge")


def _messages(shell: Shell) -> None:
    chat = at_max("person", PERSON, "Марина", "Тестова")["chat_id"]
    began = shell.now()
    at_max("start", PERSON)
    shell.told("MAX: Марина presses Start")
    _wait(shell, "the greeting", began, lambda: at_max("texts", chat))
    shell.told(f"MAX: the bot greets her: {at_max('texts', chat)[-1]}")
    began = shell.now()
    at_max("say", PERSON, _QUESTION)
    shell.told(f"MAX: Марина writes: {_QUESTION}")
    ticket = _wait(shell, "message to ticket", began, lambda: _ticket(_QUESTION))
    shell.told(f"FreeScout: ticket {ticket['id']} “{ticket['subject']}” has it")
    began = shell.now()
    at_desk("reply", ticket["id"], f"<div>{_ANSWER}</div>", AGENT)
    shell.told(f"FreeScout: Boris replies: {_ANSWER}")
    _wait(
        shell,
        "reply to customer, with FreeScout's 15 s of undo",
        began,
        lambda: _ANSWER in at_max("texts", chat),
    )
    shell.told(f"MAX: Марина reads: {at_max('texts', chat)[-1]}")


def _ticket(words: str) -> dict[str, Any] | None:
    """The ticket with these words of a customer."""
    desk = at_desk("dump")
    for each in desk["threads"].values():
        if each["type"] == "customer" and words in each["body"]:
            found: dict[str, Any] = desk["conversations"][str(each["conversation_id"])]
            return found
    return None


def _wait(shell: Shell, name: str, began: float, done: Callable[[], Any]) -> Any:
    """Wait until something is so; it counts as a step."""
    while not (found := done()):
        if shell.now() - began > 120:
            raise WrongError(f"not within two minutes: {name}")
        time.sleep(0.05)
    shell.steps.append(Step(name, began, shell.now() - began))
    return found


def _sum(shell: Shell) -> None:
    end = max(each.began + each.seconds for each in shell.steps)
    first = next(each for each in shell.steps if each.name == "message to ticket")
    print("\n\nSeconds by step:\n")
    for each in shell.steps:
        print(f"  {each.seconds:6.1f}  {each.name}")
    print(f"  {end:6.1f}  from the first command to the end")
    print(f"  {first.began + first.seconds:6.1f}  from the first command to the first ticket")


if __name__ == "__main__":
    sys.exit(main())
