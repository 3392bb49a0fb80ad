"""The days that many texts can mean, as `caveat.dates.parse_when` reads each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from caveat.dates import FIRST_YEAR, LAST_YEAR, parse_when
from caveat.errors import DateError

if TYPE_CHECKING:
    import pyarrow as pa

NO_DATE: Final = -1
UNREADABLE: Final = -2

_FEW: Final = 500
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_FIRST: Final = dt.date(FIRST_YEAR, 1, 1).toordinal()
_LAST: Final = dt.date(LAST_YEAR, 12, 31).toordinal()
# A day, or an instant without a leap second: what is left to check is whether there is such a day.
_USUAL: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?)?$"
)


def days_of(texts: pa.Array) -> tuple[Any, Any]:
    """First and last day (ordinals) of each of the texts, none of them null; `UNREADABLE` for no date.

    Of many texts the distinct days are read once each: instants to the second hardly ever repeat.
    """
    import numpy as np
    import pyarrow.compute as pc

    if len(texts) <= _FEW:
        return _one_by_one(texts.to_pylist())
    usual = pc.match_substring_regex(texts, _USUAL).to_numpy(zero_copy_only=False)
    first = np.full(len(texts), UNREADABLE, np.int64)
    days = pc.utf8_slice_codeunits(texts.filter(usual), 0, 10).dictionary_encode()
    first[usual] = _whole_days(days.dictionary)[days.indices.to_numpy()]
    last = first.copy()
    others = np.flatnonzero(~usual | (first == UNREADABLE))
    if len(others):
        first[others], last[others] = _one_by_one(texts.take(others).to_pylist())
    return first, last


def _whole_days(texts: pa.Array) -> Any:
    """The ordinals of texts of ten letters; `UNREADABLE` where one is no day of the years that are taken."""
    import numpy as np
    import pyarrow as pa

    try:
        found = texts.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64) + _EPOCH
    except pa.ArrowInvalid:  # one of them is no day: each is read on its own
        return _one_by_one(texts.to_pylist())[0]
    found[(found < _FIRST) | (found > _LAST)] = UNREADABLE
    return found


def _one_by_one(texts: Sequence[str]) -> tuple[Any, Any]:
    import numpy as np

    found = np.full((2, len(texts)), UNREADABLE, np.int64)
    for place, text in enumerate(texts):
        try:
            when = parse_when(text)
        except DateError:
            continue
        found[:, place] = when.first, when.last
    return found[0], found[1]
