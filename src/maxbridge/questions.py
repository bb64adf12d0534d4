"""Questions to be answered with yes or no, in the language that is spoken; English answers always do."""

from __future__ import annotations

import click

from maxbridge.saying import say

_YES = frozenset({"y", "yes", "д", "да"})
_NO = frozenset({"n", "no", "н", "нет"})


def confirm(question: str, *, default: bool = False, err: bool = False) -> bool:
    """Ask until the answer is one of the two.

    Args:
        question: What to ask.
        default: What an empty answer means; it stands in capitals.
        err: Ask on stderr: stdout is for data.

    Raises:
        click.Abort: Nobody is there to answer.
    """
    hint = say("[Y/n]") if default else say("[y/N]")
    while True:
        answer: str = click.prompt(f"{question} {hint}", default="", show_default=False, err=err)
        said = answer.strip().lower()
        if not said:
            return default
        if said in _YES or said in _NO:
            return said in _YES
        click.echo(say("Error: invalid input"), err=err)
