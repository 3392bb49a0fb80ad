"""Lists of facts as Arrow columns: taken from pools by number, joined with facts of the common code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, Any]


@dataclass(slots=True)
class Others:
    """Facts that were read by the common code, with the numbers of their patients and their places."""

    facts: list[Any] = field(default_factory=list)
    whose: list[int] = field(default_factory=list)
    file: list[int] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)
    empty: set[int] = field(default_factory=set)
    """Patients whose list is known to be empty."""

    def add(self, whose: int, facts: Sequence[Any], places: dict[str, tuple[int, int]]) -> None:
        """Enters the facts of one patient; `places` are those of the resources they come from."""
        if not facts:
            self.empty.add(whose)
        for number, one in enumerate(facts):
            file, line = places.get(one.source or "", (0, 0))
            self.facts.append(one)
            self.whose.append(whose)
            self.file.append(file)
            self.line.append(line)
            self.inner.append(number)


@dataclass(slots=True)
class Taken:
    """Plain facts in the order of the input: whose they are, where they stand, and their fields.

    A field is an array with the numbers of what each fact has of it; one that is missing is null.
    """

    whose: Numbers
    file: Numbers
    line: Numbers
    inner: Numbers
    fields: dict[str, tuple[pa.Array, Numbers]]


@dataclass(slots=True)
class Column:
    """The facts of all patients, one after another."""

    structs: pa.Array
    begins: Numbers
    """Where those of each patient begin, and where the last end."""
    empty: set[int]

    def lists(self, low: int, high: int) -> pa.Array:
        """The list column of some patients; null where nothing is known."""
        import numpy as np
        import pyarrow as pa

        begins = self.begins[low : high + 1]
        missing = begins[1:] == begins[:-1]
        for one in self.empty:
            if low <= one < high:
                missing[one - low] = False
        first = int(begins[0])
        return pa.ListArray.from_arrays(
            pa.array((begins - first).astype(np.int32)),
            self.structs.slice(first, int(begins[-1]) - first),
            type=pa.list_(self.structs.type),
            mask=pa.array(missing),
        )


def column(taken: Taken, others: Others, patients: int, wanted: pa.DataType) -> Column:
    """All facts by patient, within each in the order of the input."""
    import numpy as np
    import pyarrow as pa

    from caveat.columns.build import column as built

    count, more = len(taken.whose), len(others.facts)
    if more:
        keys = [
            np.concatenate([first, np.array(second, np.int64)])
            for first, second in (
                (taken.whose, others.whose),
                (taken.file, others.file),
                (taken.line, others.line),
                (taken.inner, others.inner),
            )
        ]
        order = np.lexsort(keys[::-1])
        whose = keys[0][order]
        read = dict(zip((one.name for one in wanted), built(others.facts, wanted, "").flatten(), strict=True))
    else:
        order = np.argsort(taken.whose, kind="stable")
        whose = taken.whose[order]
        read = {}
    arrays = []
    for one in wanted:
        pool, numbers = taken.fields.get(one.name, (None, None))
        if pool is None or numbers is None:
            pool, numbers = pa.nulls(1, one.type), np.zeros(count, np.int64)
        if more:
            numbers = np.concatenate([numbers, np.arange(len(pool), len(pool) + more)])
            pool = pa.concat_arrays([pool, read[one.name]])
        arrays.append(pool.take(pa.array(numbers[order])))
    begins = np.searchsorted(whose, np.arange(patients + 1))
    return Column(pa.StructArray.from_arrays(arrays, fields=list(wanted)), begins, others.empty)
