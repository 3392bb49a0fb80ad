"""Arrow columns as small whole numbers: lists with their rows, dense codes for words and combinations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Ints = npt.NDArray[np.int32]
    Longs = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

LARGEST = 1 << 62
"""Combinations that one number can tell apart."""
SPARSEST = 1
"""Combinations an entry up to which dense codes are found by a table, not by hashing."""


class Lists:
    """A list column: `starts` is the first item of each row, and the end of the last.

    `known` says which rows have a list at all; a row without one has no items.
    """

    def __init__(self, known: Bools, starts: Ints, items: Any) -> None:
        self.known = known
        self.starts = starts
        self.items = items

    @cached_property
    def lengths(self) -> Ints:
        """The number of items of each row."""
        found: Ints = self.starts[1:] - self.starts[:-1]
        return found

    @cached_property
    def rows(self) -> Ints:
        """The row of each item."""
        import numpy as np

        return np.repeat(np.arange(len(self.lengths), dtype=np.int32), self.lengths)

    @property
    def count(self) -> int:
        """Items in all."""
        return int(self.starts[-1])

    @cached_property
    def longest(self) -> int:
        """The items of the row that has most."""
        return int(self.lengths.max(initial=0))

    def of(self, rows: Any) -> tuple[Longs, Longs]:
        """The items of some rows: the place in `rows` of who has each, and the place of the item."""
        import numpy as np

        times = self.lengths[rows]
        which = np.repeat(np.arange(len(times)), times)
        first = self.starts[rows] - (np.cumsum(times) - times)
        return which, np.arange(len(which)) + first[which]


def lists(array: pa.ListArray) -> Lists:
    """The items of a list column with the rows they belong to."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    known = valid(array)
    if pa.types.is_list(array.type) and len(array):
        ends = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
        if not array.null_count or not (ends[1:] - ends[:-1])[~known].any():
            first, last = int(ends[0]), int(ends[-1])
            return Lists(known, ends - ends[0] if first else ends, array.values.slice(first, last - first))
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    starts = np.zeros(len(array) + 1, np.int32)
    np.cumsum(lengths, out=starts[1:])
    return Lists(known, starts, array.flatten())


def valid(array: pa.Array) -> Bools:
    """Which entries are not null."""
    import numpy as np

    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    bits = array.buffers()[0]
    if bits is None:
        found: Bools = array.is_valid().to_numpy(zero_copy_only=False)
        return found
    read: Bools = _bits(bits, array.offset, len(array)).view(np.bool_)
    return read


def _bits(buffer: Any, offset: int, count: int) -> Any:
    """Some bits of a buffer, a byte each."""
    import numpy as np

    begin, over = divmod(offset, 8)
    part = np.frombuffer(buffer, np.uint8)[begin : begin + (over + count + 7) // 8]
    return np.unpackbits(part, count=over + count, bitorder="little")[over:]


@dataclass(frozen=True, slots=True)
class Words:
    """Text as codes into `values`; -1 is null. Two codes may stand for one word."""

    codes: Ints
    values: Any

    @property
    def width(self) -> int:
        """Distinct codes, null included."""
        return len(self.values) + 1

    def texts(self) -> list[str | None]:
        """The words, and None at the end: `texts()[code]` holds for -1 too."""
        return [*self.values.to_pylist(), None]

    @property
    def is_empty(self) -> bool:
        """Whether every entry is null."""
        return len(self.values) == 0


def words(array: pa.Array) -> Words:
    """The codes of a text column, plain or dictionary-encoded."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.null_count == len(array):
        return Words(np.broadcast_to(np.int32(-1), len(array)), pa.array([], pa.string()))
    encoded = array if pa.types.is_dictionary(array.type) else pc.dictionary_encode(array)
    return Words(_indices(encoded), encoded.dictionary)


def _indices(encoded: Any) -> Ints:
    """The codes of a dictionary-encoded column, -1 for null."""
    import numpy as np
    import pyarrow as pa

    indices = encoded.indices
    if indices.type != pa.int32():
        indices = indices.cast(pa.int32())
    values = np.frombuffer(indices.buffers()[1], np.int32)[indices.offset : indices.offset + len(indices)]
    if not indices.null_count:
        return values
    # all bits of -1 are set, none of 0
    found: Ints = values | (
        _bits(indices.buffers()[0], indices.offset, len(indices)).view(np.int8) - np.int8(1)
    )
    return found


@dataclass(frozen=True)
class Dense:
    """Combinations as codes from 0 up to `count`."""

    codes: Ints
    count: int

    @cached_property
    def first(self) -> Longs:
        """An entry that has each: the first one."""
        import numpy as np

        found = np.empty(self.count, np.int64)
        found[self.codes[::-1]] = np.arange(len(self.codes) - 1, -1, -1, dtype=np.int64)
        return found


def dense(keys: Any, size: int) -> Dense:
    """Codes of the distinct `keys`, which lie from 0 to below `size`."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if size <= max(SPARSEST * len(keys), 1 << 16):
        present = np.zeros(size, np.bool_)
        present[keys] = True
        places = np.flatnonzero(present)
        code = np.empty(size, np.int32)
        code[places] = np.arange(len(places), dtype=np.int32)
        return Dense(code[keys], len(places))
    encoded = pc.dictionary_encode(pa.array(keys))
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    return Dense(codes, len(encoded.dictionary))


def distinct(values: Any) -> Any:
    """The distinct numbers, in order. For arrays that are not long, sorting is faster than hashing."""
    import numpy as np

    if len(values) < 2:
        return values
    ordered = np.sort(values)
    first = np.empty(len(ordered), np.bool_)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def combined(count: int, *parts: tuple[Ints, int]) -> Dense:
    """Codes of the distinct combinations of several codes (-1 allowed), each with its width."""
    import numpy as np

    keys: Any = None
    size = 1
    for codes, width in parts:
        if width <= 1:
            continue
        if keys is None:
            keys, size = codes + 1, width + 1
            continue
        if size * (width + 1) >= LARGEST:
            found = dense(keys, size)
            keys, size = found.codes, max(found.count, 1)
        size *= width + 1
        keys = keys * np.int32(width + 1) if size < 1 << 31 else keys.astype(np.int64) * (width + 1)
        keys += codes
        keys += 1
    if keys is None:
        return Dense(np.zeros(count, np.int32), min(count, 1))
    return dense(keys, size)


def sequences(codes: Ints, width: int, held: Lists) -> tuple[Ints, int]:
    """One code for each list of codes; -1 for an empty one. With it, how many there are, null included."""
    import numpy as np

    found = np.full(len(held.lengths), -1, np.int32)
    if not len(codes):
        return found, 1
    if held.longest == 1:
        found[held.lengths > 0] = codes
        return found, width
    starts = held.starts[:-1]
    some = np.flatnonzero(held.lengths > 0)
    found[some] = codes[starts[some]]
    long = some[held.lengths[some] > 1]
    lengths, starts = held.lengths[long], starts[long]
    current, count = codes[starts], width
    for place in range(1, int(lengths.max())):
        more = lengths > place
        following = np.full(len(long), -1, np.int32)
        following[more] = codes[starts[more] + place]
        each = combined(len(long), (current, count), (following, width))
        current, count = each.codes, each.count + 1
    # after the codes of the lists of one
    found[long] = current + (width - 1)
    return found, width - 1 + count


def joined(entry_rows: Any, subject_rows: Any) -> tuple[Any, Any]:
    """Every subject with every entry of its patient, in any order; both are in the order of their rows."""
    if len(entry_rows) > len(subject_rows):
        subject, entry = _joined(entry_rows, subject_rows)
        return subject, entry
    entry, subject = _joined(subject_rows, entry_rows)
    return subject, entry


def _joined(held: Any, asking: Any) -> tuple[Any, Any]:
    """The place in `asking` and the place in `held` of each two that are equal; `held` is in order."""
    import numpy as np

    asking = asking.astype(held.dtype, copy=False)
    low = np.searchsorted(held, asking, "left")
    times = np.searchsorted(held, asking, "right") - low
    which = np.repeat(np.arange(len(asking)), times)
    first = low - (np.cumsum(times) - times)
    return which, np.arange(len(which)) + first[which]


def floats(array: pa.Array) -> Floats:
    """Numbers with NaN for null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.null_count == len(array):
        return np.broadcast_to(np.nan, len(array))
    if array.null_count:
        array = pc.fill_null(array, pa.scalar(float("nan"), array.type))
    found: Floats = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found


def flags(array: pa.Array) -> Ints:
    """Booleans as 0 and 1, null as -1."""
    import numpy as np
    import pyarrow.compute as pc

    if array.null_count == len(array):
        return np.full(len(array), -1, np.int32)
    plain = pc.if_else(array, 1, 0)
    found: Ints = pc.fill_null(plain, -1).to_numpy(zero_copy_only=False).astype(np.int32)
    return found


def field(struct: Any, name: str) -> Any:
    """A child of a struct column; null where the struct is."""
    import pyarrow.compute as pc

    if struct.null_count == 0:
        return struct.field(name)
    return pc.struct_field(struct, name)
