"""The patients of a bucket with their plain observations as columns; the rest by the common code.

A patient is read by the common code alone where an observation may bear on something else: one that
is there twice, a List, a stay, a stated circumstance, a reason that is an observation, a patient
without a Patient resource or with a record elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.bulk.labs import NAME, Labs, Others, column, lists
from caveat.adapters.fhir.bulk.plain import whole
from caveat.adapters.fhir.bulk.rows import PlainRun
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import ORDERED, Part
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.record import patient
from caveat.adapters.fhir.stated import topic_of
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

Entry = tuple[tuple[int, int], Item]
_LONGEST: Final = 64
CHUNK: Final = 500
LARGEST: Final = 20_000


@dataclass(slots=True)
class Split:
    """The resources of a group: plain observations to be read as columns, and everything else."""

    entries: list[Entry]
    labs: Labs
    quick: frozenset[str]
    """Patients that have any plain observation left."""


def split(
    entries: list[Entry], runs: list[PlainRun], labs: Labs, named: set[str], labels: list[str]
) -> Split | None:
    """Which plain observations can be read as columns; None when none can, for want of simple references."""
    whole_ids = set(named)
    persons: set[str] = set()
    ids: list[str] = []
    owners: list[str] = []
    for (_, order), item in entries:
        resource: Any = item.resource
        if item.kind == "Patient":
            persons.add(resource.id or item.url)
            continue
        subject = resource.patient if item.kind == "AllergyIntolerance" else resource.subject
        reference = None if subject is None else subject.reference
        if not reference or reference[:8] != "Patient/" or "/" in reference[8:] or "?" in reference:
            return None
        whose = reference[8:]
        if whose != whose.strip():
            return None
        if _bears_on_others(item, resource, order):
            whole_ids.add(whose)
        elif item.kind == "Observation":
            ids.append(resource.id)
            owners.append(whose)
    for run in runs:
        for rows in (run.singles, run.panels):
            ids.extend([row[2] for row in rows])
            owners.extend([row[1] for row in rows])
    whole_ids.update(_twice(ids, owners))
    whole_ids.update(set(owners) - persons)
    row: Any
    for run in runs:
        singles, panels = run.singles, run.panels
        if whole_ids:
            label = labels[run.file]
            for row in (*singles, *panels):
                if row[1] in whole_ids:
                    entries.append(((run.file, row[0]), whole(row, labs.concepts, labs.units, label)))
            singles = [row for row in singles if row[1] not in whole_ids]
            panels = [row for row in panels if row[1] not in whole_ids]
        labs.add(run.file, singles, panels)
    return Split(entries, labs, frozenset(labs.whose))


def _bears_on_others(item: Item, resource: Any, order: int) -> bool:
    """Whether the plain observations of its patient must be read together with this resource."""
    kind = item.kind
    if not resource.id or len(resource.id) > _LONGEST or item.line != order or kind in ("List", "Encounter"):
        return True
    if kind == "Observation":
        parts = (resource, *(resource.component or ()))
        return any(topic_of(part.code) is not None for part in parts)
    if kind in ORDERED:
        return any(NAME in (one.reference or "") for one in resource.reason_reference or ())
    return False


def _twice(ids: list[str], owners: list[str]) -> set[str]:
    """The patients of ids that occur more than once."""
    if len(set(ids)) == len(ids):
        return set()
    seen: set[str] = set()
    again = {one for one in ids if one in seen or seen.add(one)}  # type: ignore[func-returns-value]
    return {whose for one, whose in zip(ids, owners, strict=True) if one in again}


def read(
    parts: Iterable[Part], divided: Split, bound: Bound | None, labels: list[str]
) -> Iterator[tuple[list[Patient], pa.Array]]:
    """Patients without their observations, and the column of these, some at a time."""
    listed = list(parts)
    index = {part.id: number for number, part in enumerate(listed)}
    files = {label: number for number, label in enumerate(labels)}
    labs, others = divided.labs, Others()
    out, unbound = labs.left_out(index)
    patients: list[Patient] = []
    for number, part in enumerate(listed):
        one = patient(part, bound=bound, unbound=unbound.get(number))
        if one.observations is not None:
            places = _places(part, files) if part.id in divided.quick else {}
            others.add(number, one.observations, places)
            one = one.model_copy(update={"observations": None})
        patients.append(one)
    structs, begins = column(labs, index, out, others)
    low = 0
    while low < len(patients):
        high = low + 1
        while high < min(len(patients), low + CHUNK) and begins[high + 1] - begins[low] <= LARGEST:
            high += 1
        yield patients[low:high], lists(structs, begins[low : high + 1])
        low = high


def _places(part: Part, files: dict[str, int]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for item, _ in part.items:
        if isinstance(item.resource, fhir.Observation):
            found[f"{NAME}{item.resource.id}"] = (files[item.source], item.line or 0)
    return found
