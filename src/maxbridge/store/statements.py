"""Statements that every message runs, written once: rows by their key, a new row, a change of some rows.

Peewee writes the SQL of a query anew each time: 140 µs to find a row by its key that SQLite gives in 4,
and more than half of the CPU time of a message. Models still say what tables, columns and values are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from peewee import BooleanField, Field, Model

from maxbridge.store.db import marks

_M = TypeVar("_M", bound=Model)


def find(model: type[_M], **key: Any) -> _M | None:
    """The row whose columns have these values (not NULL); None when there is none.

    Args:
        model: The table.
        **key: Values by column; together they name one row.
    """
    return next(rows(model, _select(_declared(model), tuple(key)), _stored(model, key)), None)


def rows(model: type[_M], sql: str, values: tuple[Any, ...]) -> Iterator[_M]:
    """What a statement gives that selects :func:`columns` of one table.

    Args:
        model: The table.
        sql: The statement.
        values: For its question marks, as SQLite keeps them.
    """
    names, booleans = _columns(_declared(model))
    for found in _execute(model, sql, values):
        row: Any = model.__new__(model)
        # As Peewee makes a row, without asking each member whether it wants to know: SQLite gives what the column says,
        # and has no word for yes and no.
        row.__data__ = data = dict(zip(names, found, strict=True))
        for name in booleans:
            if data[name] is not None:
                data[name] = bool(data[name])
        row._dirty, row.__rel__ = set(names), {}  # noqa: SLF001 - see Model.__init__
        yield row


def columns(model: type[Model], row: str = "") -> str:
    """All columns of a table as a SELECT lists them.

    Args:
        model: The table.
        row: What the statement calls the row; empty for no name.
    """
    prefix = f"{row}." if row else ""
    return ", ".join(f'{prefix}"{each.column_name}"' for each in _fields(_declared(model)))


def change(model: type[Model], key: dict[str, Any], **changes: Any) -> int:
    """Set columns of the rows that a key names.

    Args:
        model: The table.
        key: Values by column (not NULL) that the rows have.
        **changes: New values by column.

    Returns:
        How many rows there were.
    """
    sql = _update(_declared(model), tuple(key), tuple(changes))
    count: int = _execute(model, sql, _stored(model, changes) + _stored(model, key)).rowcount
    return count


def insert(model: type[Model], *, or_ignore: bool = False, **values: Any) -> int:
    """Make a row.

    Args:
        model: The table.
        or_ignore: Make none where one with the same key is there.
        **values: Values by column; for the others the model's defaults.

    Returns:
        How many rows were made.
    """
    table = _declared(model)
    row = _defaults(table) | values
    sql = _insert(table, tuple(row), or_ignore)
    count: int = _execute(model, sql, _stored(model, row)).rowcount
    return count


def _meta(model: type[Model]) -> Any:
    """What Peewee knows of a table; it documents this name for everybody."""
    return model._meta  # noqa: SLF001


def _declared(model: type[Model]) -> type[Model]:
    """The model as it was written down: it is bound anew to every open database, and tests open thousands."""
    return model if _meta(model).database is None else model.__mro__[1]


def _execute(model: type[Model], sql: str, values: tuple[Any, ...]) -> Any:
    return _meta(model).database.execute_sql(sql, values)


def _stored(model: type[Model], values: dict[str, Any]) -> tuple[Any, ...]:
    fields = _meta(model).fields
    return tuple(fields[name].db_value(value) for name, value in values.items())


@cache
def _fields(model: type[Model]) -> tuple[Field, ...]:
    return tuple(_meta(model).sorted_fields)


@cache
def _columns(model: type[Model]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The members of a row, and those of them that are yes or no."""
    fields = _fields(model)
    flags = tuple(each.name for each in fields if isinstance(each, BooleanField))
    return tuple(each.name for each in fields), flags


@cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    return {field.name: value for field, value in _meta(model).defaults.items()}


@cache
def _insert(model: type[Model], names: tuple[str, ...], or_ignore: bool) -> str:
    verb = "INSERT OR IGNORE" if or_ignore else "INSERT"
    news = ", ".join(_column(model, each) for each in names)
    return f"{verb} INTO {_table(model)} ({news}) VALUES {marks(names)}"


@cache
def _select(model: type[Model], key: tuple[str, ...]) -> str:
    return f"SELECT {columns(model)} FROM {_table(model)} WHERE {_equal(model, key)} LIMIT 1"


@cache
def _update(model: type[Model], key: tuple[str, ...], changes: tuple[str, ...]) -> str:
    news = ", ".join(f"{_column(model, each)} = ?" for each in changes)
    return f"UPDATE {_table(model)} SET {news} WHERE {_equal(model, key)}"


def _equal(model: type[Model], key: tuple[str, ...]) -> str:
    return " AND ".join(f"{_column(model, each)} = ?" for each in key)


def _column(model: type[Model], name: str) -> str:
    return f'"{_meta(model).fields[name].column_name}"'


def _table(model: type[Model]) -> str:
    return f'"{_meta(model).table_name}"'
