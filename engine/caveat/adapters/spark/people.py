"""Lines sorted by patient, put together as the reader of one machine does: the second step in a worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from caveat.adapters.fhir.glance import SHARED
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.record import patient
from caveat.adapters.native import read_native
from caveat.adapters.read import doubled
from caveat.adapters.spark.lines import Read, plain_path, read_line
from caveat.adapters.survey import Survey
from caveat.columns.records import to_batch
from caveat.columns.schema import patients as published
from caveat.facts.clinical import Problem
from caveat.facts.patient import Patient
from caveat.terminology.load import from_json

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import Broadcast

AT_ONCE = 1_000
"""Patients a batch."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one patient, and where it stood: a place comes once, however often it was sent."""

    place: tuple[str, int, int]
    data: bytes


@dataclass(frozen=True, slots=True)
class Gather:
    """Sent to the workers; called with lines sorted by patient and place, it gives rows of patients.

    `vocabulary` says which observations any concept knows (None keeps all), `for_all` are the lines
    that concern every patient, each with its file.
    """

    vocabulary: Broadcast[bytes] | None
    for_all: Broadcast[list[tuple[str, bytes]]] | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Batches in the published schema, a row a patient."""
        bound = bound_by(self.vocabulary.value) if self.vocabulary is not None else None
        common = (
            tuple(read_line(data, plain_path(file)) for file, data in self.for_all.value)
            if self.for_all
            else ()
        )
        found: list[Patient] = []
        for whose, lines in by_patient(batches):
            found += records(whose, lines, common, bound)
            if len(found) >= AT_ONCE:
                yield as_batch(found)
                found = []
        if found:
            yield as_batch(found)


@lru_cache(maxsize=2)
def bound_by(vocabulary: bytes) -> Bound:
    """Whether a code stands for an observation of the vocabulary; built once in a worker process."""
    terminology = from_json(vocabulary)
    return lambda code: terminology.observation_for(code) is not None


def by_patient(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, list[Line]]]:
    """The lines of each patient; the batches are sorted by `owner`, and one patient is held at a time."""
    whose: str | None = None
    lines: dict[tuple[str, int, int], Line] = {}
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("owner", "file", "block", "line", "data"))
        for owner, file, block, number, data in zip(*columns, strict=True):
            if owner != whose:
                if whose is not None:
                    yield whose, list(lines.values())
                whose, lines = owner, {}
            place = (file, block, number)
            lines[place] = Line(place, data)
    if whose is not None:
        yield whose, list(lines.values())


def records(whose: str, lines: list[Line], common: tuple[Read, ...], bound: Bound | None) -> list[Patient]:
    """The patient of these lines: one record, or several when native records have that id.

    A record that cannot be put together is a patient of that id with a problem that says so.
    """
    try:
        return _records(whose, lines, common, bound)
    except Exception as error:
        return [unreadable(whose, error)]


def unreadable(whose: str, error: Exception) -> Patient:
    """The patient of a record that failed: nothing is known, and the record is never clear."""
    what = " ".join(str(error).split())[:200]
    message = f"this record could not be put together, review it by hand ({type(error).__name__}: {what})"
    return Patient(id=whose, problems=(Problem(code="record-unreadable", message=message),))


def _records(whose: str, lines: list[Line], common: tuple[Read, ...], bound: Bound | None) -> list[Patient]:
    survey = Survey()
    items = survey.loose.setdefault("", [])
    stated: list[Patient] = []
    for line in lines:
        label = plain_path(line.place[0])
        read = read_line(line.data, label)
        items += read.items
        if read.document is not None and read.document.shape == "native":
            native = read_native(line.data)
            place = f"{label}:{line.place[2]}" if line.place[1] == 0 else label
            stated.append(native if native.source else native.model_copy(update={"source": place}))
    found: list[Patient] = []
    if items:
        items += (item for one in common for item in one.items)
        for item in items:
            if item.kind in SHARED:
                survey.shared.add(item)
        parts = list(survey.loose_group("").parts.values())
        if len(parts) == 1:
            parts[0].id = whose
        found = [patient(part, bound=bound) for part in parts]
    counts = Counter({whose: len(stated) + len(found)})
    return [*found, *(doubled(one, counts) for one in stated)]


def as_batch(found: list[Patient]) -> pa.RecordBatch:
    """The batch of these patients; one that does not fit is kept by its id, with a problem."""
    import pyarrow as pa

    try:
        return to_batch(found)
    except Exception as error:
        if len(found) > 1:
            middle = len(found) // 2
            halves = [as_batch(found[:middle]), as_batch(found[middle:])]
            return pa.Table.from_batches(halves, schema=published()).combine_chunks().to_batches()[0]
        what = " ".join(str(error).split())[:200]
        message = f"this record could not be put together, review it by hand ({type(error).__name__}: {what})"
        return to_batch(
            [Patient(id=found[0].id, problems=(Problem(code="record-unreadable", message=message),))]
        )
