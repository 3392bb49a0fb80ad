"""Plain observations as the column of facts that the common code would make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.bulk.plain import Panel, Single
from caveat.adapters.fhir.observations import Bound, Unbound, first_unbound
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Observation

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

NAME = "Observation/"


@dataclass(slots=True)
class Labs:
    """Facts of plain observations, a list a field; `concepts` and `units` are the tables they refer to."""

    concepts: list[fhir.Concept]
    units: list[fhir.Amount]
    bound: Bound | None
    whose: list[str] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    """Which component; 0 for the observation's own value."""
    id: list[str] = field(default_factory=list)
    resource: list[str] = field(default_factory=list)
    concept: list[int] = field(default_factory=list)
    at: list[str] = field(default_factory=list)
    unit: list[int] = field(default_factory=list)
    value: list[str] = field(default_factory=list)

    def add(self, file: int, singles: Sequence[Single], panels: Iterable[Panel]) -> None:
        """Enters the rows of one file."""
        if singles:
            line, whose, identity, _, concept, at, _, _, _, unit, value = zip(*singles, strict=True)
            count = len(singles)
            self.whose.extend(whose)
            self.file.extend([file] * count)
            self.line.extend(line)
            self.place.extend([0] * count)
            self.id.extend(identity)
            self.resource.extend(identity)
            self.concept.extend(concept)
            self.at.extend(at)
            self.unit.extend(unit)
            self.value.extend(value)
        for row in panels:
            components = row[9]
            count = len(components)
            inner, unit, value = zip(*components, strict=True)
            self.whose.extend([row[1]] * count)
            self.file.extend([file] * count)
            self.line.extend([row[0]] * count)
            self.place.extend(range(count))
            self.id.extend([f"{row[2]}#{number}" for number in range(count)])
            self.resource.extend([row[2]] * count)
            self.concept.extend(inner)
            self.at.extend([row[5]] * count)
            self.unit.extend(unit)
            self.value.extend(value)

    def left_out(self, index: dict[str, int]) -> tuple[np.ndarray[Any, Any] | None, dict[int, Unbound]]:
        """Which facts have codes that no concept binds, and for each patient what is to be said of them."""
        import numpy as np

        bound = self.bound
        if bound is None:
            return None, {}
        keys = [first_unbound(concept, bound) for concept in self.concepts]
        numbers: dict[Any, int] = {}
        for key in keys:
            if key is not None:
                numbers.setdefault(key, len(numbers))
        if not numbers:
            return None, {}
        by_concept = np.array([-1 if key is None else numbers[key] for key in keys], np.int64)
        of_row = by_concept[np.array(self.concept, np.int64)]
        out = of_row >= 0
        patients = np.array([index[one] for one in self.whose], np.int64)[out]
        names = list(numbers)
        found: dict[int, Unbound] = {}
        pairs, counts = np.unique(patients * len(names) + of_row[out], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            whose, key_number = divmod(pair, len(names))
            one = found.setdefault(whose, Unbound())
            one.codes.add(names[key_number])
            one.count += count
        return out, found


def column(
    labs: Labs, index: dict[str, int], out: np.ndarray[Any, Any] | None, others: Others
) -> tuple[pa.Array, list[int]]:
    """All observations of the patients in order, as structs, and where those of each patient begin.

    `index` numbers the patients. Rows that are `out` are not among them. Within a patient the order
    is that of the input.
    """
    import numpy as np
    import pyarrow as pa

    from caveat.columns.build import column as built
    from caveat.columns.schema import observation

    count, more = len(labs.id), len(others.facts)
    places = [
        np.array([*first, *second] if more else first, np.int64)
        for first, second in (
            ([index[one] for one in labs.whose], others.whose),
            (labs.file, others.file),
            (labs.line, others.line),
            (labs.place, others.place),
        )
    ]
    order = np.lexsort(places[::-1])
    if out is not None:
        kept = np.ones(count + more, bool)
        kept[:count] = ~out
        order = order[kept[order]]
    wanted = observation()
    read = dict(zip((one.name for one in wanted), built(others.facts, wanted, "").flatten(), strict=True))
    arrays = []
    for one in wanted:
        pool, own = _pool(labs, one)
        if pool is None:
            pool, own = pa.nulls(1, one.type), [0] * count
        numbers = np.arange(count) if own is None else np.array(own, np.int64)
        where = np.concatenate([numbers, np.arange(len(pool), len(pool) + more)])
        arrays.append(pa.concat_arrays([pool, read[one.name]]).take(pa.array(where[order])))
    begins = np.searchsorted(places[0][order], np.arange(len(index) + 1))
    return pa.StructArray.from_arrays(arrays, fields=list(wanted)), begins.tolist()


def _pool(labs: Labs, wanted: pa.Field) -> tuple[pa.Array | None, list[int] | None]:
    """The values of a field and which of them each fact has, by number; without numbers its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from caveat.columns.build import column as built

    log = Ledger()
    name = wanted.name
    if name in ("id", "at"):
        return pa.array(getattr(labs, name), pa.string()), None
    if name == "source":
        resource = pa.array(labs.resource, pa.string())
        return pc.binary_join_element_wise(pa.scalar(NAME), resource, pa.scalar("")), None
    if name == "codes":
        codes = [values.codes(one, log, "") for one in labs.concepts]
        return built(codes, wanted.type, name), labs.concept
    if name == "text":
        return pa.array([values.text(one, log, "") for one in labs.concepts], pa.string()), labs.concept
    if name == "preliminary":
        return pa.array([False]), [0] * len(labs.id)
    if name != "value":
        return None, None
    unit = pa.array(labs.unit, pa.int64())
    units = [values.unit_of(one.unit, one.system, one.code)[0] for one in labs.units]
    children = [
        pa.array(list(map(float, labs.value)), pa.float64()),
        pa.array(units, pa.string()).take(unit),
        pa.array([one.comparator for one in labs.units], pa.string()).take(unit),
        pa.nulls(len(labs.value), pa.float64()),
    ]
    return pa.StructArray.from_arrays(children, fields=list(wanted.type)), None


@dataclass(slots=True)
class Others:
    """Facts of observations that were read by the common code, with their places in the input."""

    facts: list[Observation] = field(default_factory=list)
    whose: list[int] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)

    def add(self, whose: int, facts: Sequence[Observation], places: dict[str, tuple[int, int]]) -> None:
        """Enters the facts of one patient; `places` are those of the resources they come from."""
        for number, one in enumerate(facts):
            file, line = places.get(one.source or "", (0, 0))
            self.facts.append(one)
            self.whose.append(whose)
            self.file.append(file)
            self.line.append(line)
            self.place.append(number)


def lists(structs: pa.Array, begins: Sequence[int]) -> pa.Array:
    """The list column of the patients whose observations begin there; null where one has none."""
    import pyarrow as pa

    first = begins[0]
    return pa.ListArray.from_arrays(
        pa.array([one - first for one in begins], pa.int32()),
        structs.slice(first, begins[-1] - first),
        type=pa.list_(structs.type),
        mask=pa.array([a == b for a, b in pairwise(begins)]),
    )
