"""The findings of a batch as one table of numbers, in order, before it is written as Arrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.judging import ERROR
from caveat.evaluators.columnar.parts import NOBODY, Part, Words

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Ints
    from caveat.evaluators.columnar.facts import Facts

BLOCK = 1 << 15
"""Findings taken apart at one time, so that what is worked on stays in the cache."""
MOST_BITS = 64
"""Findings that need more are put in order column by column."""


@dataclass(frozen=True, slots=True)
class Found:
    """Findings: patient, rule, orders (-1 none), allergy (-1 none), status, note.

    `winner` is the rule that supersedes it (-1 none).
    """

    row: Ints
    rule: Ints
    first: Ints
    second: Ints
    allergy: Ints
    status: Any
    note: Ints
    winner: Any

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.row)

    def at(self, places: Any) -> Found:
        """Some of them, by their places."""
        columns: list[Any] = [getattr(self, name).take(places) for name in self.__dataclass_fields__]
        return Found(*columns)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a finding is one number: bits of patient, rule, orders, allergy, status and note.

    Orders and allergies are counted from the first of their patient, from 1; 0 stands for none.
    """

    widths: tuple[int, ...]
    orders: Any
    allergies: Any

    @property
    def fits(self) -> bool:
        """Whether it does."""
        return sum(self.widths) <= MOST_BITS


def in_order(parts: list[Part], facts: Facts, rules: int, words: Words) -> Found:
    """By patient, rule, and place of the orders and of the allergy; `rules` is how many there are."""
    import numpy as np

    orders = facts.orders.lists
    with_allergies = any(not isinstance(part.allergy, int) for part in parts)
    allergies = facts.allergies.lists if with_allergies else None
    most = (
        facts.count - 1,
        rules - 1,
        *(int(orders.lengths.max(initial=0)),) * 2,
        0 if allergies is None else int(allergies.lengths.max(initial=0)),
        ERROR,
        len(words.notes) - 1,
    )
    before = tuple(None if one is None else one.starts.astype(np.int32) - 1 for one in (orders, allergies))
    layout = Layout(tuple([max(one, 0).bit_length() for one in most]), *before)
    found = _packed(parts, layout) if layout.fits else _sorted(parts)
    told = words.of_notes("winner")
    return replace(found, winner=told[found.note]) if (told >= 0).any() else found


def _packed(parts: list[Part], layout: Layout) -> Found:
    """Each finding as one number, and these in order."""
    import numpy as np

    keys = np.empty(sum(part.count for part in parts), np.int64)
    end = 0
    for part in parts:
        begin, end = end, end + part.count
        _pack(part, keys[begin:end], layout)
    unsigned = keys.view(np.uint64)
    unsigned.sort()
    columns: list[Any] = [np.empty(len(keys), np.int32) for _ in layout.widths]
    columns[5] = np.empty(len(keys), np.int8)
    for low in range(0, len(keys), BLOCK):
        _unpack(unsigned[low : low + BLOCK], [column[low : low + BLOCK] for column in columns], layout)
    columns.append(np.broadcast_to(np.int32(NOBODY), len(keys)))
    return Found(*columns)


def _pack(part: Part, keys: Any, layout: Layout) -> None:
    import numpy as np

    keys[:] = part.row
    before = (None, layout.orders, layout.orders, layout.allergies, None, None)
    values = (part.rule, part.first, part.second, part.allergy, part.status, part.note)
    for value, width, start in zip(values, layout.widths[1:], before, strict=True):
        if not width:
            continue
        keys <<= width
        if start is None:
            keys |= value
        elif not isinstance(value, int):
            keys |= np.maximum(value - start[part.row], 0)


def _unpack(keys: Any, columns: list[Any], layout: Layout) -> None:
    import numpy as np

    shift = sum(layout.widths)
    for column, width in zip(columns, layout.widths, strict=True):
        shift -= width
        # what lies above is cut off where the number is narrowed, or is masked
        np.copyto(column, (keys >> np.uint64(shift)) & np.uint64((1 << width) - 1), casting="unsafe")
    rows = columns[0]
    for column, start in (
        (columns[2], layout.orders),
        (columns[3], layout.orders),
        (columns[4], layout.allergies),
    ):
        none = column == 0
        if start is None or none.all():
            column[:] = NOBODY
            continue
        column += start[rows]
        column[none] = NOBODY


def _sorted(parts: list[Part]) -> Found:
    """The columns, in order."""
    import numpy as np

    def whole(name: str, kind: Any) -> Any:
        return np.concatenate([np.broadcast_to(getattr(part, name), part.count) for part in parts]).astype(
            kind
        )

    names = ("row", "rule", "first", "second", "allergy", "status", "note")
    columns: list[Any] = [whole(name, np.int8 if name == "status" else np.int32) for name in names]
    order = np.lexsort(columns[::-1])
    columns.append(np.full(len(order), NOBODY, np.int32))
    return Found(*columns).at(order)
