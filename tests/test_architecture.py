"""What only one module may do: write tickets, say which one is a dialog's current one, build and read keys."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import maxbridge
from maxbridge.core import keys

PRODUCT = Path(maxbridge.__file__).parent
SIMULATORS = PRODUCT / "sim"
WRITES = {"insert", "insert_many", "insert_from", "update", "delete", "replace", "create", "save"}
"""How Peewee writes rows of a model."""
HELPERS = {"insert", "change"}
"""How ``store/db.py`` writes rows of its first argument."""
TEXT = re.compile(r'\b(?:INTO|UPDATE(?: OR \w+)?|DELETE FROM)\s+"?(\w+)"?([^;]*)')
"""A writing statement kept as text: its table, and the rest of it."""


def modules() -> list[Path]:
    """The product's modules; the simulators have tables of their own, migrations are frozen."""
    found = PRODUCT.rglob("*.py")
    return sorted(
        each for each in found if SIMULATORS not in each.parents and "migrations" not in each.parts
    )


def named(node: ast.expr, table: str, aliases: set[str]) -> bool:
    """Does an expression mean the model of this table?"""
    if isinstance(node, ast.Attribute):
        return node.attr == table
    return isinstance(node, ast.Name) and node.id in aliases


def aliases_of(tree: ast.AST, table: str) -> set[str]:
    """Local names of a model, also where several are assigned at once."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            found |= {
                left.id
                for left, right in pairs
                if isinstance(left, ast.Name)
                and isinstance(right, ast.Attribute)
                and right.attr == table
            }
    return found


def written_columns(call: ast.Call) -> set[str]:
    """Columns that a writing call names: its keywords, and the keys of dictionaries in it."""
    keywords = {each.arg for each in call.keywords if each.arg is not None}
    keys = {
        key.value
        for node in ast.walk(call)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    return keywords | {str(each) for each in keys}


def writes(source: str, table: str) -> Iterator[tuple[int, set[str] | None]]:
    """Lines of a module that write a table, with the columns; None for a statement's columns as text."""
    tree = ast.parse(source)
    aliases = aliases_of(tree, table)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name, rest in TEXT.findall(node.value):
                if name == table:
                    assigned = rest.split(" WHERE ")[0]
                    yield node.lineno, set(re.findall(r'"?(\w+)"?\s*(?:=|,|\))', assigned))
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in WRITES:
            if named(function.value, table, aliases):
                yield node.lineno, written_columns(node)
        elif (
            isinstance(function, ast.Name)
            and function.id in HELPERS
            and node.args
            and named(node.args[0], table, aliases)
        ):
            yield node.lineno, written_columns(node)


def writers_of(table: str, column: str | None = None) -> dict[str, list[int]]:
    """Modules that write a table, or a column of it, and where."""
    found: dict[str, list[int]] = {}
    for path in modules():
        for line, columns in writes(path.read_text(encoding="utf-8"), table):
            if column is None or columns is None or column in columns:
                found.setdefault(path.relative_to(PRODUCT).as_posix(), []).append(line)
    return found


def test_one_module_writes_tickets() -> None:
    assert set(writers_of("ticket")) == {"store/tickets.py"}


def test_one_module_says_which_ticket_is_current() -> None:
    assert set(writers_of("dialog", "conversation_id")) == {"store/tickets.py"}


def test_one_module_writes_what_became_of_threads() -> None:
    assert set(writers_of("seen")) == {"store/readings.py"}


@pytest.mark.parametrize(
    "source",
    [
        "self._t.ticket.update(gone=True).execute()",
        "t = self._t.ticket\nt.delete().execute()",
        "dialog, t = self._t.dialog, self._t.ticket\nt.insert(a=1).execute()",
        "change(self._t.ticket, {'a': 1}, gone=True)",
        "insert(tables.ticket, a=1)",
        "SQL = 'UPDATE ticket SET gone = 1'",
        "SQL = 'INSERT OR IGNORE INTO ticket (a) VALUES (1)'",
        "SQL = f'DELETE FROM \"ticket\" WHERE {x}'",
    ],
)
def test_every_way_to_write_is_seen(source: str) -> None:
    assert list(writes(source, "ticket"))


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("self._t.dialog.update(conversation_id=7).execute()", "conversation_id"),
        ("self._t.dialog.update({'conversation_id': 7}).execute()", "conversation_id"),
        ("change(self._t.dialog, {'chat_id': 1}, conversation_id=7)", "conversation_id"),
        ("SQL = 'UPDATE dialog SET conversation_id = NULL WHERE chat_id = ?'", "conversation_id"),
        ("SQL = 'UPDATE dialog SET blocked = 1, conversation_id = ?'", "conversation_id"),
    ],
)
def test_every_way_to_write_a_column_is_seen(source: str, column: str) -> None:
    assert any(columns is None or column in columns for _, columns in writes(source, "dialog"))


def test_another_column_of_the_same_table_is_not_taken_for_it() -> None:
    sources = (
        "self._t.dialog.update(blocked=True).where(dialog.conversation_id == 7)",
        "SQL = 'UPDATE dialog SET blocked = 1 WHERE conversation_id = ?'",
    )
    for source in sources:
        assert all(
            columns is not None and "conversation_id" not in columns
            for _, columns in writes(source, "dialog")
        )


# --- keys -------------------------------------------------------------------------------------------------

KEYS = PRODUCT / "core" / "keys.py"
NO_KEYS = {"file": {"store/backup.py", "takeover/import_old.py"}}
"""Words of keys that are something else in these modules: addresses of SQLite's files."""


def first_words() -> set[str]:
    """What the keys begin with that ``core/keys.py`` builds, each tried with simple arguments."""
    made: set[str] = set()
    for name, function in vars(keys).items():
        if name.startswith(("_", "is_", "read_")) or not callable(function) or name == "word":
            continue
        if getattr(function, "__module__", "") != keys.__name__:
            continue
        hints = get_type_hints(function)
        if hints.pop("return") is not str:
            continue
        given = {
            each: 1 if int in (hint, *get_args(hint)) else 1.0 if hint is float else "x"
            for each, hint in hints.items()
        }
        parameters = inspect.signature(function).parameters
        free = [
            given.pop(each) for each, one in parameters.items() if one.kind is not one.KEYWORD_ONLY
        ]
        built = function(*free, **given)
        word = re.match(r"[a-z_]+(?=:)", built)
        if word and word[0] != "x":
            made.add(word[0])
    return made


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts of a module that are no docstrings, pieces of f-strings included."""
    bodies = [each.body for each in ast.walk(tree) if isinstance(getattr(each, "body", None), list)]  # type: ignore[attr-defined]
    documents = {
        id(statement.value)
        for body in bodies
        for statement in body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documents
        ):
            yield node.lineno, node.value


def key_literals(source: str, words: set[str]) -> list[tuple[int, str]]:
    """Texts of a module that look like the beginning of a key, or of an item's name."""
    pattern = re.compile(rf"(?:{'|'.join(sorted(words))}):(?![ /])\S*|(?:in|out)-")
    return [(line, text) for line, text in texts(ast.parse(source)) if pattern.fullmatch(text)]


def test_keys_are_built_and_read_in_one_module_only() -> None:
    words = first_words()
    assert {
        "note",
        "message_created",
        "thread",
        "greeting",
        "held",
        "bounce",
        "certificate",
    } <= words
    found = {}
    for path in modules():
        name = path.relative_to(PRODUCT).as_posix()
        own = words - {word for word, places in NO_KEYS.items() if name in places}
        if path != KEYS and (literals := key_literals(path.read_text(encoding="utf-8"), own)):
            found[name] = literals
    assert found == {}


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ('key = f"note:{about}"', True),
        ('key = "held:" + name', True),
        ('SQL = "thread:%"', True),
        ('name = f"in-{number}"', True),
        ('print(f"held: {number}")', False),
        ('"""held:key is a key."""', False),
    ],
)
def test_a_key_is_told_from_words(source: str, seen: bool) -> None:
    assert bool(key_literals(source, {"note", "held", "thread"})) is seen


# --- one dialect ------------------------------------------------------------------------------------------

QUERIES = {
    "select",
    "where",
    "get_or_none",
    "get_by_id",
    "insert_many",
    "insert_from",
    "on_conflict_replace",
    "on_conflict_ignore",
    "raw",
}
"""How a query of Peewee's is made."""


def dialects(source: str) -> set[str]:
    """In which ways a module asks the database: Peewee's queries, or statements as text."""
    tree = ast.parse(source)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in QUERIES:
                found.add("Peewee")
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and re.match(r"\s*(?:SELECT|INSERT|UPDATE|DELETE)\s", node.value)
        ):
            found.add("text")
    return found


def test_each_module_of_the_store_speaks_one_dialect() -> None:
    spoken = {
        path.name: dialects(path.read_text(encoding="utf-8"))
        for path in (PRODUCT / "store").glob("*.py")
    }
    assert {name for name, ways in spoken.items() if len(ways) > 1} == set()
    assert {name for name, ways in spoken.items() if "Peewee" in ways} <= {
        "forgetting.py",
        "person.py",
    }
    assert "text" in spoken["tickets.py"]


def test_only_the_store_changes_the_database() -> None:
    changes = re.compile(r"\s*(?:INSERT\s|UPDATE\s|REPLACE\s+INTO\s|DELETE\s+FROM\s)")
    found = {
        path.relative_to(PRODUCT).as_posix()
        for path in modules()
        for _, text in texts(ast.parse(path.read_text(encoding="utf-8")))
        if changes.match(text)
    }
    assert found
    assert {path for path in found if not path.startswith("store/")} == set()


@pytest.mark.parametrize(
    ("source", "ways"),
    [
        ("t.select().where(t.a == 1)", {"Peewee"}),
        ("t.insert(a=1).on_conflict_ignore().execute()", {"Peewee"}),
        ("SQL = 'SELECT 1 FROM t'", {"text"}),
        ("SQL = f'DELETE FROM {name}'", {"text"}),
        ("print('Select one.')", set()),
    ],
)
def test_a_dialect_is_told(source: str, ways: set[str]) -> None:
    assert dialects(source) == ways
