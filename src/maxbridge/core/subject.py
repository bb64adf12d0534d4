"""What the subject of a new ticket says: the first line that says more than a greeting.

In the list of tickets “Здравствуйте” looks like every other “Здравствуйте”.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from maxbridge.core.desk_html import first_line
from maxbridge.core.events import Event, What
from maxbridge.core.text import is_blank, one_line
from maxbridge.core.texts import Texts

_WORD = re.compile(r"[^\W\d_]+")
_GREETINGS = frozenset(
    "здравствуйте здравствуй здрасте здрасьте приветствую привет приветик салют хай алло але ау "
    "добрый доброе доброго доброй день дня утро утра вечер вечера ночи времени суток всем вам вас еще раз "
    "уважаемые коллеги у меня есть вопрос вопросик можно подскажите скажите пожалуйста "
    "hello hi hey there good morning day afternoon evening dear team all everyone".split()
)
"""Words of which greetings are made, and the question whether one may ask; a line of nothing else says nothing."""


def subject_line(events: Iterable[Event], texts: Texts, limit: int) -> str:
    """A line that says what these messages are about; plain text, empty when there is none.

    Args:
        events: What begins the ticket, in order.
        texts: The language of the agents.
        limit: Letters.
    """
    events = list(events)
    for line in _lines(events):
        if not is_greeting(line):
            return one_line(line, limit)
    return next(filter(None, (first_line(each, texts, limit) for each in events)), "")


def is_greeting(line: str) -> bool:
    """Does a line only greet, or say nothing in letters and figures at all?"""
    words = _WORD.findall(line.casefold().replace("ё", "е"))
    return _GREETINGS.issuperset(words) and not re.search(r"\d", line)


def _lines(events: Iterable[Event]) -> Iterator[str]:
    """The lines of what was said, as far as it is words: a button or a file is its own subject."""
    for event in events:
        if event.what not in (What.MESSAGE, What.EDITED):
            return
        for line in event.message.text.split("\n"):
            if not is_blank(line):
                yield line
        if event.message.attachments or event.link is not None:
            return
