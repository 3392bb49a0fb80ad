"""Cells as values: what SQL reads of each column, and which cells hold something that cannot be read."""

from __future__ import annotations

from typing import Final

from caveat.adapters.omop import place as at
from caveat.adapters.omop.layout import Kind
from caveat.adapters.omop.source import Table
from caveat.adapters.omop.standard import OPEN_END
from caveat.dates import FIRST_YEAR, LAST_YEAR

SQL_TYPES: Final[dict[Kind, str]] = {
    "id": "BIGINT",
    "int": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "time": "TIMESTAMP",
    "text": "VARCHAR",
}
_INTEGERS: Final = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
)
_NULLS: Final = "('', 'NA', 'NULL', '\\N', 'nan', 'NaN', 'None', 'null')"
_ENDS: Final = ("_end_date", "_end_datetime", "verbatim_end_date")


def columns(table: Table) -> str:
    """The select list that reads every column of the layout; one that is not there is null."""
    return ", ".join(f"{value(table, name)} AS {name}" for name in table.layout.columns)


def is_native(table: Table) -> bool:
    """Whether every column has a type of its own, so that no text has to be read."""
    kinds = table.layout.columns
    return all(kinds[name] == "text" or not _is_text(table, name) for name in kinds if name in table.types)


def settled(table: Table) -> str:
    """The select list of cells as they are and, beside them, their values."""
    kept = [f"{at.name(name)} AS {_raw(name)}" for name in table.layout.columns if name in table.types]
    return ", ".join([*kept, columns(table)])


def value(table: Table, name: str) -> str:
    """The expression of a column's value: null where the cell is empty or cannot be read."""
    return name if table.settled else _read(table, name, at.name(name))


def raw(table: Table, name: str) -> str:
    """The expression of a column's cell as text, for a message."""
    return f"({_cell(table, name)})::VARCHAR"


def unread(table: Table) -> dict[str, str]:
    """For each column that may hold what cannot be read: the condition that a row does."""
    found = {}
    for name, kind in table.layout.columns.items():
        if name not in table.types or kind == "text" or table.types[name] in _INTEGERS:
            continue
        bad = f"{value(table, name)} IS NULL AND {_cell(table, name)} IS NOT NULL"
        if _is_text(table, name):
            bad += f" AND trim({_cell(table, name)}) NOT IN {_NULLS}"
        elif table.types[name] in ("DOUBLE", "FLOAT"):  # not-a-number is the missing value of data frames
            bad += f" AND NOT isnan({_cell(table, name)})"
        if name.endswith(_ENDS):
            bad += f" AND NOT {_is_open_end(table, name)}"
        if kind == "time":
            partner = "year_of_birth" if name == "birth_datetime" else name.replace("_datetime", "_date")
            if partner in table.types:
                bad += f" AND {value(table, partner)} IS NULL"
        found[name] = f"({bad})"
    return found


def _is_open_end(table: Table, name: str) -> str:
    """The condition that an end date is a place holder for no end: the year 9999, or infinity."""
    cell = _cell(table, name)
    if _is_text(table, name):
        return f"regexp_matches(trim({cell}), '^(9[0-9]{{3}}-?[0-9]{{2}}|[+]?infinity$)')"
    return f"(NOT isfinite({cell}) OR year({cell}) >= {OPEN_END})"


def _is_text(table: Table, name: str) -> bool:
    return table.types[name] in ("TEXT", "VARCHAR")


def _raw(name: str) -> str:
    return at.name(f"raw {name}")


def _cell(table: Table, name: str) -> str:
    return _raw(name) if table.settled else at.name(name)


def _read(table: Table, name: str, cell: str) -> str:
    """The expression of a value."""
    kind = table.layout.columns[name]
    if name not in table.types:
        return f"NULL::{SQL_TYPES[kind]}"
    native = table.types[name]
    if kind == "text":
        return f"nullif(trim({cell}::VARCHAR), '')"
    if kind in ("id", "int"):
        return _integer(native, cell)
    if kind == "number":
        return _number(native, cell)
    if kind == "date":
        day = f"TRY_CAST({cell} AS DATE)"
        if native == "DATE":
            day = cell
        elif not native.startswith("TIMESTAMP"):
            day = f"coalesce({day}, try_strptime(trim({cell}::VARCHAR), '%Y%m%d')::DATE)"
        return _within(day)
    return _within(cell if native == "TIMESTAMP" else f"TRY_CAST({cell} AS TIMESTAMP)")


def _integer(native: str, cell: str) -> str:
    if native in _INTEGERS:
        return f"{cell}::BIGINT"
    if native in ("TEXT", "VARCHAR"):
        # The cast rounds: of what is no plain row of digits only `12.0` is a whole number.
        return (
            f"(CASE WHEN translate({cell}, '.eE_', '') = {cell} "
            f"OR regexp_full_match(trim({cell}), '[+-]?[0-9]{{1,19}}[.]0*') "
            f"THEN TRY_CAST({cell} AS BIGINT) END)"
        )
    return f"(CASE WHEN {cell} = trunc({cell}) THEN TRY_CAST({cell} AS BIGINT) END)"


def _number(native: str, cell: str) -> str:
    number = f"TRY_CAST({cell} AS DOUBLE)"
    if native in _INTEGERS:
        return number
    return f"(CASE WHEN {number} = 0 OR abs({number}) BETWEEN 1e-30 AND 1e30 THEN {number} END)"


def _within(date: str) -> str:
    first, last = f"'{FIRST_YEAR}-01-01'::TIMESTAMP", f"'{LAST_YEAR}-12-31 23:59:59'::TIMESTAMP"
    return f"(CASE WHEN {date} BETWEEN {first} AND {last} THEN {date} END)"
