"""The chain of the audit trail: each row holds the hash of the one before, and the head vouches for the last.

The hashes are keyed: without the key of the site nobody can compute a chain that holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import CaveatError
from caveat.service.store.entry import FIELDS, FORMAT, SHOWN_FIELDS, Entry, row_bytes
from caveat.service.store.keys import Keys
from caveat.service.store.tables import table

if TYPE_CHECKING:
    from sqlalchemy import Connection

FIRST: Final = "0" * 64
"""What stands as the previous hash of the first row."""
_ROW: Final = 1
_AUDIT: Final = (*FIELDS[FORMAT], "hash")
_INPUT: Final = ("sequence", "at", "sealed")
_HEAD: Final = ("sequence", "hash", "vouched")


class Conflict(CaveatError):
    """An evaluation's id that was used twice, for different questions or answers."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the chain: its sequence (0 for none) and hash."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.hash}:{self.sequence}"


def prepare(connection: Connection, keys: Keys) -> None:
    """Make the head of an empty chain. Raises CaveatError where the chain was begun with another key."""
    from sqlalchemy import insert, select

    heads = table("audit_head")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE audit_head IN EXCLUSIVE MODE")
    check = connection.execute(select(heads.c.key_check).where(heads.c.id == _ROW)).scalar()
    if check is None:
        row = {"id": _ROW, "sequence": 0, "hash": FIRST, "vouched": keys.head(0, FIRST)}
        connection.execute(insert(heads), {**row, "key_check": keys.check})
    elif check != keys.check:
        raise CaveatError(
            "the audit trail in this database was begun with another key. Set audit.key_file to the key "
            "it was begun with; a chain cannot change its key"
        )


def locked_head(connection: Connection) -> Head:
    """The head, which nobody else may move until the transaction ends. Raises CaveatError without one."""
    lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
    chosen = f"SELECT sequence, hash FROM audit_head WHERE id = {_ROW}{lock}"
    found = connection.exec_driver_sql(chosen).one_or_none()
    if found is None:
        raise CaveatError("the audit trail has no head; it was not prepared, or its head was taken away")
    return Head(*found)


def append(connection: Connection, keys: Keys, entries: Sequence[Entry]) -> Head:
    """Put entries at the end of the chain, in order, and return the new head.

    Part of the caller's transaction: the head stays locked until it ends.
    """
    last = locked_head(connection)
    sequence, previous = last.sequence, last.hash
    rows: list[dict[str, Any]] = []
    inputs: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for entry in entries:
        sequence += 1
        row = {**entry.row, "sequence": sequence, "previous": previous}
        previous = keys.chained(row_bytes(row))
        rows.append({**row, "hash": previous})
        if entry.sealed:
            inputs.append({"sequence": sequence, "at": entry.row["at"], "sealed": entry.sealed})
        shown += [{**one, "sequence": sequence} for one in entry.shown]
    for name, fields, values in (
        ("audit", _AUDIT, rows),
        ("audit_input", _INPUT, inputs),
        ("shown", SHOWN_FIELDS, shown),
    ):
        if values:
            _insert(connection, name, fields, values)
    head = (sequence, previous, keys.head(sequence, previous))
    connection.exec_driver_sql(_moving(connection.dialect.name), head)
    return Head(sequence, previous)


def _insert(connection: Connection, name: str, fields: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """By the driver itself, which takes a third of the time: every evaluation waits for it."""
    values_of = itemgetter(*fields)
    statement = _inserting(connection.dialect.name, name, tuple(fields))
    connection.exec_driver_sql(statement, [values_of(row) for row in rows])


@lru_cache(maxsize=16)
def _inserting(dialect: str, name: str, fields: tuple[str, ...]) -> str:
    marks = ", ".join(_mark(dialect) for _ in fields)
    return f"INSERT INTO {name} ({', '.join(fields)}) VALUES ({marks})"


@lru_cache(maxsize=2)
def _moving(dialect: str) -> str:
    sets = ", ".join(f"{name} = {_mark(dialect)}" for name in _HEAD)
    return f"UPDATE audit_head SET {sets} WHERE id = {_ROW}"


def _mark(dialect: str) -> str:
    return "%s" if dialect == "postgresql" else "?"


def known(connection: Connection, evaluations: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of these evaluations those in the chain, with the digests of input and output."""
    from sqlalchemy import select

    audit, asked = table("audit"), list(evaluations)
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(asked), 500):
        some = asked[start : start + 500]
        chosen = select(audit.c.evaluation, audit.c.input_digest, audit.c.output_digest)
        for name, given, told in connection.execute(chosen.where(audit.c.evaluation.in_(some))):
            found[name] = (given, told)
    return found


def append_new(connection: Connection, keys: Keys, entries: Sequence[Entry]) -> int:
    """Append what is not in the chain yet, each evaluation once; returns how many were new.

    Raises Conflict where an evaluation of that id is there with another input or output.
    """
    have = known(connection, [entry.row["evaluation"] for entry in entries])
    fresh: list[Entry] = []
    for entry in entries:
        name = entry.row["evaluation"]
        digests = (entry.row["input_digest"], entry.row["output_digest"])
        if name not in have:
            have[name] = digests
            fresh.append(entry)
        elif have[name] != digests:
            raise Conflict(f"evaluation {name} is stored with another input or output; ids are used once")
    if fresh:
        append(connection, keys, fresh)
    return len(fresh)
