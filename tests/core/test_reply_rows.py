"""core.reply.rows: what a row costs. What it looks like is tested in test_render."""

from __future__ import annotations

from typing import Any

from maxbridge.core.reply.lines import Row, Run, TextLine, close_row


class ShortLooks(list[TextLine]):
    """Lines of which only a few may be looked at."""

    def __getitem__(self, which: Any) -> Any:
        found = super().__getitem__(which)
        assert isinstance(found, TextLine) or len(found) < 20
        return found


def test_a_long_cell_is_not_looked_at() -> None:
    # Tables inside tables would have all their lines read again at each level.
    lines = ShortLooks(TextLine("", [Run("a")]) for _ in range(1000))
    close_row(lines, Row(0, "", [0, 990]))
    assert len(lines) == 1000


def test_a_row_of_data_is_one_line_and_those_before_it_stay() -> None:
    lines = ShortLooks(TextLine("", [Run(each)]) for each in ("before", "a", "b"))
    close_row(lines, Row(1, "", [1, 2]))
    assert ["".join(run.text for run in line.pieces if isinstance(run, Run)) for line in lines] == [
        "before",
        "a | b",
    ]
