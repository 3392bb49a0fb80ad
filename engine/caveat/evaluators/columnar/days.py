"""Dates of a column as days: the first and the last that each can mean."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.dates import parse_when
from caveat.evaluators.columnar.arrays import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from caveat.evaluators.columnar.arrays import Bools, Ints

EPOCH = 719_163
"""Ordinal of 1970-01-01."""
NONE = 0
"""Stands for a date that is not recorded; no day of a record has this ordinal."""


class Days:
    """Ordinals of dates; `NONE` where no date is recorded.

    Held as codes into the distinct dates, so that what is not asked for is not spread out.
    """

    def __init__(self, codes: Ints, firsts: Ints, lasts: Ints) -> None:
        self._codes, self._firsts, self._lasts = codes, firsts, lasts

    @staticmethod
    def of(first: Ints, last: Ints) -> Days:
        """Days given one by one."""
        import numpy as np

        found = Days(np.zeros(0, np.int32), first, last)
        found.__dict__.update(first=first, last=last)
        return found

    @cached_property
    def first(self) -> Ints:
        """The first day that each can mean."""
        found: Ints = self._firsts[self._codes]
        return found

    @cached_property
    def last(self) -> Ints:
        """The last day that each can mean."""
        found: Ints = self._lasts[self._codes]
        return found

    @cached_property
    def known(self) -> Bools:
        """Where a date is recorded."""
        found: Bools = self.first != NONE
        return found

    @property
    def exact(self) -> Bools:
        """Where it is one whole day."""
        found: Bools = (self.first == self.last) & self.known
        return found

    def each(self, of: Callable[[Ints], Ints]) -> tuple[Ints, Ints]:
        """What a function makes of the last and of the first days, each distinct date once."""
        if len(self._codes):
            return of(self._lasts)[self._codes], of(self._firsts)[self._codes]
        return of(self.last), of(self.first)

    def at(self, places: Any) -> Days:
        """Those of some entries."""
        if "first" in self.__dict__ and "last" in self.__dict__:
            return Days.of(self.first[places], self.last[places])
        return Days(self._codes[places], self._firsts, self._lasts)


def days(array: Any) -> Days:
    """The days of a text column of dates, as `caveat.dates.parse_when` reads them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = words(array)
    if found.is_empty:
        none = np.zeros(len(array), np.int32)
        return Days.of(none, none)
    values = found.values
    first = np.zeros(len(values) + 1, np.int32)
    last = np.zeros(len(values) + 1, np.int32)
    lengths = pc.utf8_length(values).to_numpy(zero_copy_only=False)
    whole = np.flatnonzero(lengths >= 10)
    if len(whole):
        text = values if len(whole) == len(values) else values.take(pa.array(whole))
        text = pc.utf8_slice_codeunits(text, 0, 10)
        ordinals = text.cast(pa.date32()).cast(pa.int32()).to_numpy(zero_copy_only=False) + EPOCH
        first[whole] = last[whole] = ordinals
    for place in np.flatnonzero(lengths < 10).tolist():
        when = parse_when(values[place].as_py())
        first[place], last[place] = when.first, when.last
    return Days(found.codes, first, last)
