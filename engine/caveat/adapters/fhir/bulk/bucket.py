"""The second half of a bulk read: the patients of one bucket, by the code of the single-record reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.documents import Document
from caveat.adapters.fhir.bulk import quick
from caveat.adapters.fhir.bulk.held import Entry, Restore, plain_of
from caveat.adapters.fhir.bulk.pools import Pools
from caveat.adapters.fhir.bulk.rows import FRAME, Frame, Native, frame_of, pieces
from caveat.adapters.fhir.bulk.shelf import Shelf
from caveat.adapters.fhir.bulk.state import State
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import Part, group
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.record import patient
from caveat.adapters.fhir.references import Index
from caveat.adapters.read import joined, native
from caveat.adapters.reject import Reject
from caveat.adapters.sources import Source
from caveat.adapters.survey import named_sources
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK: Final = 500
_LARGEST: Final = 20_000
"""Patients, and their facts, that are held as records at once."""


class Bucket:
    """One bucket in memory."""

    def __init__(self, folder: Path, part: int, state: State, shelf: Shelf) -> None:
        self._frames: list[Frame] = []
        self._sheets: list[tuple[int, memoryview]] = []
        for kind, piece in pieces(folder / "rows.bin", state.last[part]):
            if kind == FRAME:
                self._frames.append(frame_of(piece))
            else:
                self._sheets.append((kind, piece))
        self._labels = [stamp.label for stamp in state.stamps]
        self._state, self._shelf = state, shelf
        self._restore = Restore(state, self._labels)

    def patients(self, bound: Bound | None) -> Iterator[Patient]:
        """Every patient in order of first appearance: Bundles, native records, then what stands apart."""
        counts = self._named()
        waiting: dict[str, list[Part]] = {}
        found = plain_of(self._sheets)
        entries = self._entries(found)
        for number, plain in found.items():
            for held in plain.of.values():
                entries[number] += self._restore.entries(held, range(len(held.kept)))
        groups = [self._parts(number, some, counts) for number, some in sorted(entries.items())]
        yield from self._bundles(bound, counts, waiting)
        for parts in groups:
            for part in _ready(parts, counts, waiting):
                yield patient(part, bound=bound)
        for several in waiting.values():
            yield from joined(several, bound)

    def chunks(
        self, bound: Bound | None, pools: Pools
    ) -> Iterator[tuple[list[Patient], dict[str, pa.Array]]]:
        """The same patients, some at a time; the lists that are given as columns are not theirs."""
        found = plain_of(self._sheets)
        groups = self._entries(found)
        counts = self._named()
        if len(groups) != 1 or not found:
            yield from _some(self.patients(bound))
            return
        number, entries = next(iter(groups.items()))
        shelved = self._state.shelved
        divided = quick.split(entries, found[number], pools, self._restore, set(counts), shelved=shelved)
        if divided is None:
            yield from _some(self.patients(bound))
            return
        parts = self._parts(number, divided.entries, counts, divided.plain.files(self._labels))
        waiting: dict[str, list[Part]] = {}
        yield from _some(self._bundles(bound, counts, waiting))

        def regroup(items: list[Item]) -> Part:
            return next(iter(group(items, source="", wider=self._index(number)).parts.values()))

        ready = _ready(parts, counts, waiting)
        yield from quick.read(ready, divided, pools, self._restore, regroup, bound, self._labels)
        for several in waiting.values():
            yield from _some(joined(several, bound))

    def _named(self) -> Counter[str]:
        return Counter(name for frame in self._frames for name in frame.named)

    def _bundles(
        self, bound: Bound | None, counts: Counter[str], waiting: dict[str, list[Part]]
    ) -> Iterator[Patient]:
        """Patients of Bundles and native records; those with a further record wait."""
        wider = self._index(None)
        listed: list[Any] = [one for frame in self._frames for one in (*frame.parts, *frame.natives)]
        listed.sort(key=lambda one: (one.file, one.order))
        for one in listed:
            if isinstance(one, Native):
                yield self._native(one, counts)
            else:
                for part in _ready([one.part(wider, self._shelf)], counts, waiting):
                    yield patient(part, bound=bound)

    def _index(self, number: int | None) -> Index:
        return self._shelf.index(number) if self._state.shelved else Index()

    def _entries(self, plain: Iterable[int]) -> dict[int, list[Entry]]:
        """Resources outside Bundles by group with their places, but for what is plain."""
        found: dict[int, list[Entry]] = {number: [] for number in plain}
        for frame in self._frames:
            for run in frame.runs:
                found.setdefault(run.group, []).extend(run.items(self._labels[run.file]))
            for row in frame.rows:
                found.setdefault(row.group, []).append(((row.file, row.order), row.item()))
        return found

    def _parts(
        self,
        number: int,
        entries: list[Entry],
        counts: Counter[str],
        files: dict[str, set[str]] | None = None,
    ) -> list[Part]:
        """The parts of a group in the order of the input, each counted; `files` hold more of a patient."""
        entries.sort(key=lambda entry: entry[0])
        items = [item for _, item in entries]
        items.extend(one.item() for one in self._state.common[number])
        parts = list(group(items, source="", wider=self._index(number)).parts.values())
        for part in parts:
            part.sources = named_sources(part, () if files is None else files.get(part.id, ()))
            counts[part.id] += 1
        return parts

    def _native(self, one: Native, counts: Counter[str]) -> Patient:
        document = Document(one.data, "native", line=one.line, path=one.path)
        read = native(document, Source(one.label, None, ""), counts)
        if isinstance(read, Reject):
            raise RuntimeError(f"a record that was read before cannot be read again: {read}")
        return read


def _ready(parts: list[Part], counts: Counter[str], waiting: dict[str, list[Part]]) -> Iterator[Part]:
    """The parts that are the whole of a patient; the others wait for one another."""
    for part in parts:
        if counts[part.id] <= 1:
            yield part
        else:
            waiting.setdefault(part.id, []).append(part)


def _some(patients: Iterator[Patient]) -> Iterator[tuple[list[Patient], dict[str, pa.Array]]]:
    """Patients in lists of bounded size."""
    waiting: list[Patient] = []
    size = 0
    for one in patients:
        waiting.append(one)
        size += 10 + len(one.orders or ()) + len(one.conditions or ()) + len(one.observations or ())
        if len(waiting) >= _CHUNK or size >= _LARGEST:
            yield waiting, {}
            waiting, size = [], 0
    if waiting:
        yield waiting, {}
