"""Plain resources between the two halves of a bulk read: a column a field, a sheet a type.

While resources are met their columns are lists; what is written is Arrow, divided by bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

KINDS: Final = ("Observation", "MedicationRequest", "Condition")
COLUMNS: Final[dict[str, dict[str, str]]] = {
    "Observation": {
        "status": "int8",
        "concept": "int32",
        "form": "int32",
        "numbers": "string",
        "at": "string",
        "issued": "string",
    },
    "MedicationRequest": {"template": "int32", "authored": "string", "reasons": "string"},
    "Condition": {"template": "int32", "onset": "string", "abatement": "string", "recorded": "string"},
}
"""What a sheet holds beside file, group, line, patient, id and version; `numbers` are parted by blanks."""

_COMMON: Final = ("id", "updated", "version")
_NAMES: Final = 50_000


@cache
def schema(kind: str) -> pa.Schema:
    """The columns of a sheet as they are written."""
    import pyarrow as pa

    return pa.schema(
        [
            ("file", pa.int32()),
            ("group", pa.int32()),
            ("line", pa.int64()),
            ("whose", pa.string()),
            *((name, pa.string()) for name in _COMMON),
            *((name, pa.type_for_alias(alias)) for name, alias in COLUMNS[kind].items()),
        ]
    )


class Sheet:
    """Rows of one type in lists."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._names = (*_COMMON, *COLUMNS[kind])
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        self._spans: list[tuple[int, int, int]] = []
        self._line: list[int] = []
        self._who: list[int] = []
        self._columns: list[list[Any]] = [[] for _ in self._names]

    def add(
        self, file: int, group: int, line: Sequence[int], who: Sequence[int], *more: Sequence[Any]
    ) -> None:
        """Enters rows of one file: their lines, the numbers of their patients, and the other columns."""
        if not line:
            return
        self._spans.append((len(line), file, group))
        self._line += line
        self._who += who
        for held, new in zip(self._columns, more, strict=True):
            held += new

    def parts(self, names: Sequence[str], buckets: Sequence[int]) -> Iterator[tuple[int, pa.Buffer]]:
        """The rows of each bucket; `names` and `buckets` are those of patients by number."""
        if not self._line:
            return
        import numpy as np
        import pyarrow as pa

        wanted = schema(self.kind)
        who, inverse = np.unique(np.array(self._who, np.int64), return_inverse=True)
        known = who.tolist()
        whose = pa.array([names[one] for one in known], pa.string()).take(pa.array(inverse))
        count = [one[0] for one in self._spans]
        arrays = [
            pa.array(np.repeat([one[1] for one in self._spans], count), pa.int32()),
            pa.array(np.repeat([one[2] for one in self._spans], count), pa.int32()),
            pa.array(self._line, pa.int64()),
            whose,
            *(
                _array(held, wanted.field(name).type)
                for name, held in zip(self._names, self._columns, strict=True)
            ),
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=wanted)
        bucket = np.array([buckets[one] for one in known], np.int64)[inverse]
        first = int(bucket[0])
        if (bucket == first).all():
            yield first, batch.serialize()
            return
        order = np.argsort(bucket, kind="stable")
        batch, bucket = batch.take(pa.array(order)), bucket[order]
        begins = np.flatnonzero(np.diff(bucket, prepend=-1)).tolist()
        for begin, end in zip(begins, [*begins[1:], len(bucket)], strict=True):
            yield int(bucket[begin]), batch.slice(begin, end - begin).serialize()


def _array(values: list[Any], wanted: pa.DataType) -> pa.Array:
    """The values as an array; texts of one length, such as ids, without looking at each."""
    import numpy as np
    import pyarrow as pa

    if wanted == pa.string() and isinstance(values[0], str) and None not in values:
        joined = "".join(values).encode()
        size = len(values[0])
        if len(joined) == size * len(values) and set(map(len, values)) == {size}:
            ends = np.arange(0, len(joined) + 1, size, dtype=np.int32) if size else None
            if ends is not None and len(ends) == len(values) + 1:
                return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(joined))
    return pa.array(values, wanted)


class Sheets:
    """A sheet of each type, and the patients that their rows are of."""

    def __init__(self) -> None:
        self.of = {kind: Sheet(kind) for kind in KINDS}
        self.owners: dict[bytes, int] = {}
        """Numbers of patients by subject as written; below 0 for one that is not plainly named."""
        self._names: list[str] = []
        self._buckets: list[int] = []

    def owner(self, subject: bytes, name: str | None, bucket: int) -> int:
        """Enters a subject; `name` None is one that is not plainly named."""
        number = -1
        if name is not None:
            number = len(self._names)
            self._names.append(name)
            self._buckets.append(bucket)
        self.owners[subject] = number
        return number

    def parts(self) -> Iterator[tuple[int, int, pa.Buffer]]:
        """Bucket, type by number and rows; everything is then begun anew."""
        for number, kind in enumerate(KINDS):
            for bucket, rows in self.of[kind].parts(self._names, self._buckets):
                yield bucket, number, rows
            self.of[kind].clear()
        if len(self.owners) > _NAMES:
            self.owners.clear()
            self._names.clear()
            self._buckets.clear()


def read(kind: str, rows: Iterable[memoryview]) -> pa.RecordBatch:
    """The rows of several parts as one batch."""
    import pyarrow as pa

    wanted = schema(kind)
    batches = [pa.ipc.read_record_batch(pa.py_buffer(one), wanted) for one in rows]
    return pa.concat_batches(batches) if batches else pa.RecordBatch.from_pylist([], schema=wanted)
