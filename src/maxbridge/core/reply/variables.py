"""The desk's variables: ``{%customer.firstName%}`` and its like, which the editor leaves raw in the body.

They are filled in the words, not in the HTML: so a value is text whatever it holds, and a variable is
found though the editor cut it in two with a tag or an entity (contract freescout-agent-ui.md 4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from maxbridge.core.reply.lines import Run, join_runs
from maxbridge.core.text import clean

_VARIABLE = re.compile(
    r"\{%\s*([A-Za-z]\w*(?:\.\w+)*)\s*(?:,\s*fallback\s*=([^%{}]*))?%\}",
)
_ADDRESS_SAFE = "@+.-_~"


def fill_line(line: Sequence[Run], variables: Mapping[str, str]) -> list[Run]:
    """Replace the variables of one line.

    Args:
        line: Its words. A variable may be spread over several runs; its value looks like its start.
        variables: Values by name, as plain text. A blank one becomes its fallback, else it vanishes
            together with a space that would be doubled. One that is not known and has no fallback stays
            as it is: a reader sees that something is missing.
    """
    runs = join_runs(line)
    text = "".join(run.text for run in runs)
    found = [each for each in _VARIABLE.finditer(text) if _is_variable(each, variables)]
    values = {each.start(): _value(each, variables) for each in found}
    gone = set[int]()
    for each in found:
        gone.update(range(each.start(), each.end()))
        if not values[each.start()] and _leaves_doubled_space(text, each):
            gone.add(each.end())
    if not gone:
        return runs
    filled: list[Run] = []
    place = 0
    for run in runs:
        letters = (
            values.get(at, "" if at in gone else letter)
            for at, letter in enumerate(run.text, start=place)
        )
        filled.append(run.with_text("".join(letters)))
        place += len(run.text)
    return filled


def fill_address(address: str, variables: Mapping[str, str]) -> str:
    """Replace the variables of an address; what a value must not hold there is quoted."""
    return _VARIABLE.sub(
        lambda found: (
            quote(_value(found, variables), safe=_ADDRESS_SAFE)
            if _is_variable(found, variables)
            else found.group()
        ),
        address,
    )


def _is_variable(found: re.Match[str], variables: Mapping[str, str]) -> bool:
    name, fallback = found.groups()
    return fallback is not None or name in variables


def _value(found: re.Match[str], variables: Mapping[str, str]) -> str:
    name, fallback = found.groups()
    value = " ".join(clean(variables.get(name, "")).split())
    return value or (fallback or "").strip()


def _leaves_doubled_space(text: str, found: re.Match[str]) -> bool:
    before, after = text[: found.start()][-1:], text[found.end() : found.end() + 1]
    return after == " " and before in ("", " ")
