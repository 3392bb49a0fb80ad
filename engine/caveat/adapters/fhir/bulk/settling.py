"""What only all inputs together can tell: references by identifier, resources that name no patient."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from caveat.adapters.fhir.bulk.journal import blocks
from caveat.adapters.fhir.bulk.place import bucket_of
from caveat.adapters.fhir.bulk.rows import Row, frames
from caveat.adapters.fhir.bulk.sorting import Sorting
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import identifiers, owner, rejected
from caveat.adapters.fhir.references import relative
from caveat.adapters.reject import Reject


def settle(sorting: Sorting, folder: Path, buckets: int, asked: Sequence[str]) -> None:
    """Places what waits, sets aside what belongs to nobody, and says so when nothing was found."""
    sorting.deferred.close()
    sorting.hold_to_manifests()
    homeless: list[dict[tuple[str, str], tuple[Item, int]]] = [{} for _ in sorting.groups]
    if sorting.deferred.count:
        names = Names(folder / "names.sqlite")
        try:
            names.find(sorting, folder)
            for one in _deferred(folder):
                _place(one, sorting, buckets, names, homeless[one.group])
        finally:
            names.close()
    for group, found in zip(sorting.groups, homeless, strict=True):
        if not group.kinds:
            continue
        sorting.anything = sorting.anything or group.belonging
        for (kind, why), (first, count) in found.items():
            sorting.aside(rejected(kind, why, [first] * count, ""))
        if not (group.belonging or found or group.rejected):
            kinds = ", ".join(sorted(group.kinds))[:120]
            sorting.aside(
                Reject(
                    group.name or group.first_file,
                    "no-patient",
                    f"resources without a patient: {kinds}",
                    harmless=bool(group.name),
                )
            )
    if not sorting.anything:
        sorting.aside(
            Reject(
                ", ".join(asked) or "no path",
                "no-records",
                "no patient record was found",
                hint="Name the file or folder that holds the records",
            )
        )


def _deferred(folder: Path) -> Iterator[Row]:
    for block in blocks(folder / "deferred.bin", Row):
        yield from block


def _place(
    one: Row,
    sorting: Sorting,
    buckets: int,
    names: Names,
    homeless: dict[tuple[str, str], tuple[Item, int]],
) -> None:
    group = sorting.groups[one.group]
    only = None if group.several else group.only
    whose, why = owner(one.resource, names.of(one), only)
    if whose is None:
        first, count = homeless.get((one.kind, why), (one.item(), 0))
        homeless[one.kind, why] = (first, count + 1)
        return
    group.belonging = True
    sorting.spill.frame(bucket_of(whose, buckets)).rows.append(one)
    sorting.spill.held(1_000)


def _reference(resource: Any) -> str | None:
    """The reference of `owner`, which takes an identifier for one."""
    subject = getattr(resource, "subject", None) or getattr(resource, "patient", None)
    if subject is None:
        return None
    if subject.reference:
        return str(subject.reference).strip()
    if subject.identifier is not None and subject.identifier.value:
        return f"Patient?identifier={subject.identifier.system or ''}|{subject.identifier.value}"
    return None


class Names:
    """The ids behind the names that waiting resources use, kept on disk."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("pragma journal_mode=off")
        self._base.execute("pragma synchronous=off")
        self._base.execute(
            "create table names (grp integer, name text, id text, file integer, line integer, "
            "primary key (grp, name)) without rowid"
        )

    def find(self, sorting: Sorting, folder: Path) -> None:
        """Looks through every Patient for the names that are asked for; the first to have one counts."""
        self._base.execute("begin")
        asked = False
        for one in _deferred(folder):
            for name in _names(one):
                asked = True
                self._base.execute("insert or ignore into names values (?, ?, null, 0, 0)", (one.group, name))
        if asked:
            sorting.spill.flush()
            for last in list(sorting.spill.last):
                for frame in frames(folder / "rows.bin", last):
                    for row in frame.rows:
                        if row.kind == "Patient":
                            self._offer(row)
        self._base.execute("commit")

    def _offer(self, one: Row) -> None:
        resource: Any = one.resource
        identity = resource.id or one.url
        names = (f"Patient/{identity}", identity, f"urn:uuid:{identity}", *identifiers(resource))
        self._base.executemany(
            "update names set id = ?, file = ?, line = ? "
            "where grp = ? and name = ? and (id is null or (file, line) > (?, ?))",
            [(identity, one.file, one.order, one.group, name, one.file, one.order) for name in names],
        )

    def of(self, one: Row) -> dict[str, str]:
        """What the names that a row uses stand for."""
        found: dict[str, str] = {}
        for name in _names(one):
            row = self._base.execute(
                "select id from names where grp = ? and name = ?", (one.group, name)
            ).fetchone()
            if row is not None and row[0] is not None:
                found[name] = row[0]
        return found

    def close(self) -> None:
        """Removes the file."""
        self._base.close()
        self._path.unlink(missing_ok=True)


def _names(one: Row) -> set[str]:
    reference = _reference(one.resource)
    return set() if reference is None else {reference, relative(reference)}
