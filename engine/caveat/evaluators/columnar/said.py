"""Numbers that the record states for the patient as a whole: age and gestation, each wording read once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.dates import When
from caveat.evaluators.columnar.arrays import valid
from caveat.evaluators.columnar.quantities import Quantities
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from caveat.intervals import Interval, inside

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Bools, Ints
    from caveat.evaluators.columnar.facts import Known
    from caveat.terminology.concepts import Terminology


@dataclass(frozen=True, slots=True)
class Said:
    """What some patients state: `rows`, the place of each in `each`, which holds exact numbers.

    `odd` marks those of which more is to be said than a number.
    """

    rows: Any
    codes: Ints
    each: list[Interval | None]
    odd: Bools

    def inside(self, target: Interval) -> Any:
        """The truth for each of `rows`."""
        import numpy as np

        table = [1 if one is None else int(inside(one, target)) for one in self.each]
        return np.array(table, np.int8)[self.codes]

    @property
    def known(self) -> Bools:
        """Where there is a number."""
        import numpy as np

        return np.array([one is not None for one in self.each], np.bool_)[self.codes]


def stated(column: Any, name: str, unit: str, known: Known, as_of: int) -> Said:
    """A stated quantity of the patient, each wording read by the code of a single record."""
    import numpy as np

    rows = np.flatnonzero(valid(column))
    quantities = Quantities(column)
    codes = quantities.codes[0][rows]
    distinct, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    each: list[Interval | None] = []
    odd = np.zeros(len(distinct), np.bool_)
    written = quantities.written(rows[first])
    blank = Patient.model_construct(id="")
    for place, row in enumerate(rows[first].tolist()):
        key = (name, unit, as_of, written[place])
        if key not in known.said:
            patient = blank.model_copy(update={name: quantities.at(row)})
            chart = Chart(patient, known.terminology, as_of=as_of)
            interval = number(chart, name, unit).interval
            known.said[key] = interval, bool(chart.problems or chart.notes)
        interval, strange = known.said[key]
        each.append(interval)
        odd[place] = strange or distinct[place] < 0
    return Said(rows, inverse.astype(np.int32), each, odd[inverse])


def lived(rows: Any, first: Ints, last: Ints, unit: str, terminology: Terminology, as_of: int) -> Said:
    """The age of those born from a first to a last day, which do not lie in the future."""
    import numpy as np

    keys = first.astype(np.int64) << 32 | last
    distinct, inverse = np.unique(keys, return_inverse=True)
    each = []
    for key in distinct.tolist():
        begin, end = key >> 32, key & 0xFFFFFFFF
        when = When(dt.date.fromordinal(begin).isoformat(), begin, end)
        chart = Chart(Patient.model_construct(id="", birth_date=when), terminology, as_of=as_of)
        each.append(number(chart, "age", unit).interval)
    return Said(rows, inverse.astype(np.int32), each, np.zeros(len(rows), np.bool_))
