"""Whether the audit trail is as it was written: every row, in order, none missing, nothing altered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import CaveatError
from caveat.service.store.chain import FIRST, Head
from caveat.service.store.entry import FIELDS, SHOWN_FIELDS, digest, row_bytes, shown_digest
from caveat.service.store.keys import Keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from caveat.service.store.database import Database

PRUNED: Final = "prune-inputs"
"""The kind of the row that says which sealed inputs were taken away."""
LONGEST: Final = 3600.0
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written. `sequence` is the first row it concerns, 0 for the head."""

    sequence: int
    why: str

    def __str__(self) -> str:
        return f"{f'row {self.sequence}' if self.sequence else 'head'}: {self.why}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `head` is what to write down: a later chain must still hold it. `pruned` counts
    sealed inputs that were taken away and said to be."""

    rows: int
    head: Head
    pruned: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Prune:
    sequence: int
    before: str


def parse_head(text: str) -> Head:
    """A head as it was printed, `HASH:SEQUENCE`. Raises CaveatError for anything else."""
    digest, _, number = text.strip().partition(":")
    if len(digest) != 64 or not number.isdigit() or set(digest) - set("0123456789abcdef"):
        raise CaveatError("--head takes what `caveat audit verify` printed: 64 hex digits, a colon, a number")
    return Head(int(number), digest)


def verify(database: Database, keys: Keys, earlier: Iterable[Head] = ()) -> Verdict:
    """Read the whole chain once, in one state of the database. `earlier` are heads written down before.

    Up to 20 faults are told, the first row first. Raises StoreAway.
    """
    with database.read(timeout=LONGEST) as connection, _any_text(connection):
        scan = _Scan(keys, _prunes(connection), tuple(earlier))
        for row, shown in _together(_rows(connection), _shown(connection)):
            scan.row(row, shown)
        scan.inputs(connection)
        scan.end(_heads(connection))
    faults = tuple(sorted(scan.faults, key=lambda fault: (not fault.sequence, fault.sequence)))
    return Verdict(scan.count, Head(scan.sequence, scan.previous), scan.pruned, faults[:_MOST])


class _Scan:
    """What is known after each row."""

    def __init__(self, keys: Keys, prunes: list[_Prune], earlier: tuple[Head, ...]) -> None:
        self._keys, self._prunes = keys, prunes
        self._earlier = list(earlier)
        self.sequence, self.previous, self.count, self.pruned = 0, FIRST, 0, 0
        self.faults: list[Fault] = []

    def fault(self, sequence: Any, why: str) -> None:
        self.faults.append(Fault(sequence if isinstance(sequence, int) else 0, why))

    def row(self, row: Mapping[str, Any] | None, shown: list[Mapping[str, Any]]) -> None:
        """One row of the chain with what it showed; None for something shown that no row speaks of."""
        if row is None:
            self.fault(
                shown[0]["sequence"], "something is said to have been shown by a row that is not there"
            )
            return
        number = row["sequence"]
        if number != self.sequence + 1:
            self._gap(number)
        if row["previous"] != self.previous:
            self.fault(
                number,
                "does not follow the row before it: rows were removed, inserted, reordered or replaced",
            )
        if not self._own_hash(row):
            self.fault(number, "was altered: its hash does not fit its columns")
        self._input(row)
        if shown or row["shown_digest"]:
            self._what_was_shown(row, shown)
        self.count += 1
        self.sequence = number if isinstance(number, int) else self.sequence + 1
        self.previous = row["hash"] if isinstance(row["hash"], str) else ""
        self._earlier = [head for head in self._earlier if not self._passed(head)]

    def _own_hash(self, row: Mapping[str, Any]) -> bool:
        try:
            return bool(self._keys.chained(row_bytes(row)) == row["hash"])
        except (TypeError, ValueError):
            return False  # a value of a kind that is never written

    def _gap(self, number: Any) -> None:
        first = self.sequence + 1
        if isinstance(number, int) and number > first:
            last = f" to {number - 1}" if number > first + 1 else ""
            self.fault(first, f"is missing{last and f', as are the rows{last}'}")
        else:
            self.fault(number, f"stands where row {first} should be")

    def _input(self, row: Mapping[str, Any]) -> None:
        number, told, sealed = row["sequence"], row["sealed_digest"], row["input_sealed"]
        if row["input_at"] is None and sealed is None:
            if told and self._said(number, row["at"]):
                self.pruned += 1
            elif told:
                self.fault(number, "its sealed input is gone, and no prune in the chain speaks of it")
        elif not isinstance(sealed, bytes) or not told or digest(sealed) != told:
            self.fault(number, "its sealed input was altered, or is not the one that was written")
        elif row["input_at"] != row["at"]:
            self.fault(number, "the date of its sealed input was altered")

    def _what_was_shown(self, row: Mapping[str, Any], shown: list[Mapping[str, Any]]) -> None:
        number = row["sequence"]
        if not shown:
            if not self._said(number, row["at"]):
                self.fault(number, "what it showed is gone, and no prune in the chain speaks of it")
            return
        try:
            fits = shown_digest(shown) == row["shown_digest"]
        except (TypeError, ValueError):
            fits = False
        if not fits:
            self.fault(number, "what it showed was altered, removed in part or added to")

    def _said(self, number: Any, at: Any) -> bool:
        """Whether a later row says that what is older than a date was taken away."""
        return any(prune.sequence > number and str(at) < prune.before for prune in self._prunes)

    def _passed(self, head: Head) -> bool:
        if head.sequence != self.sequence:
            return False
        if head.hash != self.previous:
            self.fault(head.sequence, "is not the row it was when that head was written down")
        return True

    def inputs(self, connection: Connection) -> None:
        """Sealed inputs that belong to no row."""
        for (number,) in connection.exec_driver_sql(
            "SELECT i.sequence FROM audit_input i LEFT JOIN audit a ON a.sequence = i.sequence "
            "WHERE a.sequence IS NULL ORDER BY i.sequence"
        ):
            self.fault(number, "a sealed input belongs to a row that is not there")

    def end(self, heads: list[Mapping[str, Any]]) -> None:
        """What the head says, and the heads written down that the chain does not reach."""
        for early in self._earlier:
            if early.sequence or early.hash != FIRST:
                self.fault(
                    early.sequence,
                    f"is gone: that head was written down, and the chain ends at {self.sequence}. The end "
                    "was cut off, or an older copy of the database was put back",
                )
        if len(heads) != 1 or heads[0]["id"] != 1:
            if self.count or heads:
                self.fault(0, f"there are {len(heads)} head rows where one with the id 1 should be")
            return
        head = heads[0]
        if head["key_check"] != self._keys.check:
            self.fault(0, "its key check was altered, or this is not the key the chain was begun with")
        if (head["sequence"], head["hash"]) != (self.sequence, self.previous):
            self.fault(
                0,
                f"it names row {head['sequence']}, and the chain ends at row {self.sequence}"
                if head["sequence"] != self.sequence
                else "its hash is not that of the last row",
            )
        elif head["vouched"] != self._keys.head(self.sequence, self.previous):
            self.fault(0, "it was not written with the key: the chain may have been cut short before it")


@contextmanager
def _any_text(connection: Connection) -> Iterator[None]:
    """SQLite gives text that is no UTF-8 too: somebody put it there, and that is for us to say."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    raw.text_factory = lambda value: value.decode("utf-8", "surrogateescape")
    try:
        yield
    finally:
        raw.text_factory = str


def _rows(connection: Connection) -> Iterator[Mapping[str, Any]]:
    columns = ", ".join(f"a.{name}" for name in (*FIELDS[max(FIELDS)], "hash"))
    return _streamed(
        connection,
        f"SELECT {columns}, i.at AS input_at, i.sealed AS input_sealed FROM audit a "
        "LEFT JOIN audit_input i ON i.sequence = a.sequence ORDER BY a.sequence",
    )


def _shown(connection: Connection) -> Iterator[Mapping[str, Any]]:
    columns = ", ".join(SHOWN_FIELDS)
    return _streamed(connection, f"SELECT {columns} FROM shown ORDER BY sequence, position")


def _streamed(connection: Connection, statement: str) -> Iterator[Mapping[str, Any]]:
    """Rows as the database holds them, without the types they should have."""
    from sqlalchemy import text

    streaming = connection.execution_options(stream_results=True, yield_per=500)
    for row in streaming.execute(text(statement)):
        yield row._asdict()


def _prunes(connection: Connection) -> list[_Prune]:
    found = []
    statement = f"SELECT sequence, findings FROM audit WHERE kind = '{PRUNED}' ORDER BY sequence"
    for sequence, findings in connection.exec_driver_sql(statement):
        try:
            found.append(_Prune(sequence, str(json.loads(findings)[0]["before"])))
        except (ValueError, TypeError, LookupError):
            continue  # the row's own hash tells that it was altered
    return found


def _heads(connection: Connection) -> list[Mapping[str, Any]]:
    statement = "SELECT id, sequence, hash, vouched, key_check FROM audit_head ORDER BY id"
    return [row._asdict() for row in connection.exec_driver_sql(statement)]


def _together(
    rows: Iterator[Mapping[str, Any]], shown: Iterator[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]]:
    """Each row with what it showed, and what no row speaks of; both come in order of sequence."""
    groups = ((key, list(group)) for key, group in groupby(shown, key=lambda one: one["sequence"]))
    waiting = next(groups, None)
    for row in rows:
        while waiting is not None and _order(waiting[0]) < _order(row["sequence"]):
            yield None, waiting[1]
            waiting = next(groups, None)
        if waiting is not None and waiting[0] == row["sequence"]:
            yield row, waiting[1]
            waiting = next(groups, None)
        else:
            yield row, []
    while waiting is not None:
        yield None, waiting[1]
        waiting = next(groups, None)


def _order(sequence: Any) -> tuple[bool, Any]:
    """As the databases sort them: numbers, then what somebody put in their place."""
    number = isinstance(sequence, int)
    return not number, sequence if number else str(sequence)
