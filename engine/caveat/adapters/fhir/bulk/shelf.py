"""Resources that many patients' records refer to, and the pages given: on disk, found by name.

A medicine may be a resource of its own with nobody's name on it, and there may be more of them than
memory holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.bulk.rows import Row, decoder, encode, row
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.references import Index, key, relative

_BATCH: Final = 5_000
_ROW: Final = decoder(Row)
_CACHED: Final = 50_000


class Filling:
    """The shelf while it is being filled."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("pragma journal_mode=off")
        self._base.execute("pragma synchronous=off")
        self._base.execute("create table shared (name text, grp integer, wide integer, data blob)")
        self._base.execute("create table pages (url text primary key) without rowid")
        self._base.execute("begin")
        self._waiting: list[tuple[str, int, bool, bytes]] = []
        self.count = 0

    def add(self, item: Item, group: int, *, wide: bool) -> None:
        """Enters a resource; `group` -1 is none, `wide` says that every record may refer to it."""
        identity = getattr(item.resource, "id", None)
        names = {item.url, key(item.kind, identity) if identity else ""} - {""}
        data = encode(row(item))
        self._waiting.extend((name, group, wide, data) for name in sorted(names))
        self.count += 1
        if len(self._waiting) >= _BATCH:
            self._write()

    def page(self, url: str) -> None:
        """Enters the address of a page that was given."""
        self._base.execute("insert or ignore into pages values (?)", (url,))

    def _write(self) -> None:
        self._base.executemany("insert into shared values (?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def close(self) -> None:
        """Writes everything with an index by name."""
        self._write()
        self._base.execute("create index by_name on shared (name)")
        self._base.execute("commit")
        self._base.close()

    def abandon(self) -> None:
        """Closes it as it is."""
        self._base.close()


class Shelf:
    """The filled shelf, read only."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        self._found: dict[str, list[tuple[int, bool, Any]]] = {}

    def __contains__(self, url: object) -> bool:
        """Whether the page was given."""
        return self._base.execute("select 1 from pages where url = ?", (url,)).fetchone() is not None

    def named(self, name: str) -> list[tuple[int, bool, Any]]:
        """Group, reach and resource of everything with that name, in the order met."""
        found = self._found.get(name)
        if found is None:
            if len(self._found) >= _CACHED:
                self._found.clear()
            rows = self._base.execute(
                "select grp, wide, data from shared where name = ? order by rowid", (name,)
            ).fetchall()
            found = [(group, bool(wide), _ROW(data).resource) for group, wide, data in rows]
            self._found[name] = found
        return found

    def index(self, group: int | None) -> Index:
        """What the resources of a group may refer to; with None what those of a Bundle may."""
        return _Shelved(self, group)

    def close(self) -> None:
        """Gives the file back."""
        self._base.close()


class _Shelved(Index):
    """The resources of nobody in a group, and beyond them those of all input; by the rules of `Index`."""

    __slots__ = ("_group", "_shelf")

    def __init__(self, shelf: Shelf, group: int | None) -> None:
        super().__init__()
        self._shelf, self._group = shelf, group

    def find(self, reference: str, contained: Sequence[fhir.Contained] | None = None) -> Any:
        """The resource, or None when the reference points nowhere or to two different ones."""
        for wide in (False, True):
            for name in (reference, relative(reference)):
                found = self._distinct(name, wide=wide)
                if found:
                    return found[0] if len(found) == 1 else None
        return None

    def ambiguous(self, reference: str) -> bool:
        """Whether the name stands for two different resources."""
        names = {reference, relative(reference)}
        return any(len(self._distinct(name, wide=wide)) > 1 for name in names for wide in (False, True))

    def _distinct(self, name: str, *, wide: bool) -> list[Any]:
        if not wide and self._group is None:
            return []
        distinct: list[Any] = []
        for group, reaches, resource in self._shelf.named(name):
            if (reaches if wide else group == self._group) and resource not in distinct:
                distinct.append(resource)
        return distinct
