"""Statements whose text is made once say what Peewee's own would say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peewee import IntegrityError

from maxbridge.core.delivery import State
from maxbridge.store.db import change, columns, find, rows
from maxbridge.store.store import Store
from store_world import NOW

NUMBERS = st.none() | st.integers(min_value=-(2**63), max_value=2**63 - 1)
VALUES = st.fixed_dictionaries(
    {
        "user_id": NUMBERS,
        "blocked": st.booleans(),
        "blocked_at": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    }
)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("statements") / "maxbridge.db")
    for chat_id in (1, 2):
        store.db.tables.dialog.insert(chat_id=chat_id, created_at=NOW).execute()
    yield store
    store.close()


@given(values=VALUES)
def test_a_change_is_read_back_as_peewee_reads_it(
    journal: Store, values: dict[str, object]
) -> None:
    dialog = journal.db.tables.dialog
    assert change(dialog, {"chat_id": 1}, **values) == 1
    ours, theirs = find(dialog, chat_id=1), dialog.get_by_id(1)
    assert ours is not None
    assert ours.__data__ == theirs.__data__
    assert {name: ours.__data__[name] for name in values} == values
    assert type(ours.blocked) is bool


def test_only_the_named_row_is_changed_and_a_missing_one_is_none(journal: Store) -> None:
    dialog = journal.db.tables.dialog
    before = dialog.get_by_id(2).__data__
    change(dialog, {"chat_id": 1}, user_id=7)
    assert dialog.get_by_id(2).__data__ == before
    assert find(dialog, chat_id=3) is None
    assert change(dialog, {"chat_id": 3}, user_id=7) == 0


def test_a_key_may_be_of_more_than_one_column(journal: Store) -> None:
    dialog = journal.db.tables.dialog
    change(dialog, {"chat_id": 1}, user_id=7, blocked=False)
    assert find(dialog, chat_id=1, user_id=8) is None
    found = find(dialog, chat_id=1, user_id=7)
    assert found is not None
    assert change(dialog, {"chat_id": 1, "user_id": 8}, blocked=True) == 0


def test_states_are_kept_as_their_words(journal: Store) -> None:
    inbox = journal.db.tables.inbox
    inbox.insert(key="k", update_type="t", chat_id=1, created_at=NOW).execute()
    change(inbox, {"key": "k"}, state=State.HELD, pending=False)
    assert journal.db.rows("SELECT state, typeof(pending), pending FROM inbox", ()) == [
        ("held", "integer", 0)
    ]


def test_a_column_that_does_not_exist_is_a_bug_at_once(journal: Store) -> None:
    with pytest.raises(KeyError):
        find(journal.db.tables.dialog, chat=1)
    with pytest.raises(KeyError):
        change(journal.db.tables.dialog, {"chat_id": 1}, colour="red")


def test_errors_are_peewees(journal: Store) -> None:
    """The pool tells a bug from a broken database by their class."""
    with pytest.raises(IntegrityError):
        change(journal.db.tables.dialog, {"chat_id": 1}, created_at=None)


def test_a_statement_of_ones_own_lists_all_columns(journal: Store) -> None:
    dialog = journal.db.tables.dialog
    sql = f"SELECT {columns(dialog, 'd')} FROM dialog AS d ORDER BY d.chat_id"  # noqa: S608
    assert [row.chat_id for row in rows(dialog, sql, ())] == [1, 2]
