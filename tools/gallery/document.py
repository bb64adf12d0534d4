"""The gallery's words: ``docs/gallery.md``, the same from the same samples on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gallery.entries import Entry, Group, Source

_HEAD = """\
# Gallery

По-русски: здесь видно, что агент прочтёт во FreeScout о каждом записанном событии MAX, и что клиент получит
в MAX из каждого записанного ответа агента. Картинки нарисовал браузер по тем же текстам, которые
отправляет мост; точный текст свёрнут под каждым именем.

Every sample of MAX in `tests/data/max` and every recorded reply of an agent, as the other side sees it. All
texts are the program's own. FreeScout's page is drawn from what its purifier leaves, a MAX chat from what the simulator
makes of MAX's HTML; if something that is sent would not be shown, `make gallery` fails.

Made by `make gallery`; do not edit. Names, links and sizes are invented.
"""
_TAIL = """\
## On a real FreeScout

По-русски: страницы настоящего FreeScout 1.8.235 глазами агента, в браузере, после прогона моста: имена и темы без
невидимых и перевёрнутых букв, имена файлов расшифрованы, карточка контакта целиком, время часового пояса агента, длинные
слова переносятся и на телефоне.

Pages of a real FreeScout 1.8.235 as the agent sees them in a browser, made by hand after a run of the bridge: names and
subjects without letters that hide or turn around, names of files decoded, a contact card whole, the agent's time zone,
long words that wrap, on a phone too.

![The list of tickets](real-desk/list.png)

![A ticket](real-desk/ticket.png)

![The same on a phone](real-desk/phone.png)
"""
_BACKTICKS = re.compile("`+")


def document(parts: Sequence[tuple[str, Sequence[Group]]]) -> str:
    """The whole of ``docs/gallery.md``.

    Args:
        parts: Title and chapters of each part.
    """
    drawn = (line for title, groups in parts for line in _part(title, groups))
    return "\n".join([_HEAD, *drawn, _TAIL])


def _part(title: str, groups: Sequence[Group]) -> Iterator[str]:
    yield f"## {title}\n"
    for group in groups:
        yield f"### {group.title}\n\n{group.about}\n"
        if group.is_drawn:
            yield f"![{group.title}](gallery/{group.name}.png)\n"
        for entry in group.entries:
            yield _entry(entry)


def _entry(entry: Entry) -> str:
    text = " ".join(filter(None, [f"**`{entry.sample}`**", entry.what, entry.seen]))
    if not entry.sources:
        return f"{text}\n"
    sources = "\n".join(_source(source) for source in entry.sources)
    return f"{text}\n\n<details><summary>Exact text</summary>\n\n{sources}\n</details>\n"


def _source(source: Source) -> str:
    longest = max((len(found) for found in _BACKTICKS.findall(source.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{source.title}:\n\n{fence}{source.language}\n{source.text}\n{fence}\n"
