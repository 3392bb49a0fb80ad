"""Drawing columns: numpy for what is drawn, Arrow arrays for what is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.cohort.settings import TODAY

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_STEPS = 1 << 16
_FIRST_DAY = dt.date(1900, 1, 1).toordinal()
_LAST_DAY = dt.date(2030, 12, 31).toordinal()
TODAY_NUMBER = TODAY.toordinal()


class Table:
    """Places drawn by weight: 65,536 steps, each held by one place, so that a draw is one look-up."""

    def __init__(self, weights: Sequence[float] | Floats) -> None:
        shares = np.cumsum(np.asarray(weights, dtype=np.float64))
        ends = np.rint(shares / shares[-1] * _STEPS).astype(np.int64)
        self._steps = np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))

    def draw(self, random: np.random.Generator, count: int) -> Ints:
        """`count` places."""
        return self._steps[steps(random, count)]


class Words:
    """Texts drawn by weight; None stands for null."""

    def __init__(self, *weighted: tuple[str | None, float]) -> None:
        self._table = Table([weight for _, weight in weighted])
        self._texts = pa.array([text for text, _ in weighted], pa.string())

    def draw(self, random: np.random.Generator, count: int) -> pa.Array:
        """`count` texts."""
        return take(self._texts, self._table.draw(random, count))


def chance(random: np.random.Generator, share: float, count: int) -> Bools:
    """True in about that share of `count` places, to within one in 65,536."""
    return steps(random, count) < round(share * _STEPS)


def steps(random: np.random.Generator, count: int) -> npt.NDArray[np.uint16]:
    """`count` whole numbers below 65,536, each as likely as any other."""
    drawn: npt.NDArray[np.uint64] = random.bit_generator.random_raw(count // 4 + 1)
    return drawn.view(np.uint16)[:count]


def take(values: pa.Array, places: Ints, valid: Bools | None = None) -> pa.Array:
    """The values at the places, null where `valid` is False."""
    mask = None if valid is None else ~valid
    return pc.take(values, pa.array(places, mask=mask), boundscheck=False)


def numbers(values: Floats, valid: Bools | None = None) -> pa.Array:
    """Numbers, null where `valid` is False."""
    return pa.array(values, pa.float64(), mask=None if valid is None else ~valid)


def empty(count: int, kind: pa.DataType) -> pa.Array:
    """`count` nulls."""
    return pa.nulls(count, kind)


def struct(kind: pa.DataType, count: int, valid: Bools | None = None, /, **columns: pa.Array) -> pa.Array:
    """A struct array of that type; fields that are not given are null."""
    given = [columns.pop(field.name, None) for field in kind]
    assert not columns, f"no such fields: {', '.join(columns)}"
    arrays = [empty(count, f.type) if a is None else a for f, a in zip(kind, given, strict=True)]
    mask = None if valid is None else pa.array(~valid)
    return pa.StructArray.from_arrays(arrays, fields=list(kind), mask=mask)


def lists(counts: Ints, values: pa.Array, valid: Bools | None = None) -> pa.Array:
    """Lists of those lengths cut from `values`; null where `valid` is False (there the count must be 0)."""
    mask = None if valid is None else pa.array(~valid)
    return pa.ListArray.from_arrays(pa.array(offsets_of(counts)), values, mask=mask)


def offsets_of(counts: Ints) -> Ints:
    """Where each list begins, and the end of the last."""
    offsets = np.zeros(len(counts) + 1, dtype=np.int32)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def spread(starts: Ints, counts: Ints) -> Ints:
    """The places `start`, `start + 1` ... of each run, one after the other."""
    offsets = offsets_of(counts)
    steps = np.repeat(starts - offsets[:-1], counts)
    steps += np.arange(offsets[-1], dtype=np.int32)
    return steps


class Codes:
    """Lists of codes, taken by place."""

    def __init__(self, kind: pa.DataType, lists_of_codes: Sequence[Sequence[tuple[str, str, str | None]]]):
        flat = [code for codes in lists_of_codes for code in codes]
        self._kind = kind
        self._columns = [pa.array([code[n] for code in flat], pa.string()) for n in range(3)]
        self._counts = np.array([len(codes) for codes in lists_of_codes], dtype=np.int32)
        self._starts = offsets_of(self._counts)[:-1]

    def take(self, places: Ints) -> pa.Array:
        """The list of codes of each place."""
        counts = self._counts[places]
        inner = spread(self._starts[places], counts)
        columns = [take(column, inner) for column in self._columns]
        codes = pa.StructArray.from_arrays(columns, fields=list(self._kind))
        return pa.ListArray.from_arrays(pa.array(offsets_of(counts)), codes)


@cache
def _dates() -> pa.Array:
    """Every day as text, then every month, then every year."""
    days = [dt.date.fromordinal(day) for day in range(_FIRST_DAY, _LAST_DAY + 1)]
    years = range(days[0].year, days[-1].year + 1)
    months = [f"{year}-{month:02}" for year in years for month in range(1, 13)]
    return pa.array([day.isoformat() for day in days] + months + [str(year) for year in years], pa.string())


@cache
def _month_and_year() -> tuple[Ints, Ints]:
    """The place of the month and of the year of each day."""
    days = [dt.date.fromordinal(day) for day in range(_FIRST_DAY, _LAST_DAY + 1)]
    first, count = days[0].year, days[-1].year - days[0].year + 1
    months = [len(days) + (day.year - first) * 12 + day.month - 1 for day in days]
    years = [len(days) + count * 12 + day.year - first for day in days]
    return np.array(months, dtype=np.int32), np.array(years, dtype=np.int32)


def dates(
    random: np.random.Generator, days: npt.NDArray[Any], partial: float, valid: Bools | None = None
) -> pa.Array:
    """Days (proleptic ordinals) as text; in the share `partial` the month or the year alone."""
    places = np.asarray(days - _FIRST_DAY, dtype=np.int32)
    if partial:
        months, years = _month_and_year()
        cut = np.flatnonzero(chance(random, partial, len(places)))
        in_words = chance(random, 0.6, len(cut))
        places[cut] = np.where(in_words, months[places[cut]], years[places[cut]])
    return take(_dates(), places, valid)


def numbered(first: int, count: int, prefix: bytes = b"p", digits: int = 9) -> pa.Array:
    """`p000000017` and so on."""
    width = len(prefix) + digits
    text = np.empty((count, width), dtype=np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    rest = np.arange(first, first + count, dtype=np.int64)
    for place in range(width - 1, len(prefix) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, place] = digit + 48
    offsets = pa.py_buffer(np.arange(0, (count + 1) * width, width, dtype=np.int32))
    return pa.StringArray.from_buffers(count, offsets, pa.py_buffer(text))


def texts(values: Sequence[str | None]) -> pa.Array:
    """A string array."""
    return pa.array(values, pa.string())


def rounded(values: Floats, digits: int) -> Floats:
    """To that many decimals."""
    return np.round(values, digits)


def booleans(values: Bools, valid: Bools | None = None) -> pa.Array:
    """Booleans, null where `valid` is False."""
    return pa.array(values, pa.bool_(), mask=None if valid is None else ~valid)
