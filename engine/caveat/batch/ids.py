"""Ids that stand in more than one record: found in bounded memory, and marked so that none is called clear.

Each alone may be half the truth about a person. Ids are compared by a hash of 63 bits: a chance
agreement (below one in a million for a run of a million patients) only marks a record too many.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.batch.safe import sync_folder, whole

if TYPE_CHECKING:
    import pyarrow as pa

CODE: Final = "same-patient"
MARKED: Final = (CODE, "patient-conflict")
"""Codes with which a reader itself marks records of one id."""

AT_ONCE: Final = 1_000_000
"""Ids that are compared at a time."""

_LONGEST: Final = 256
_FACTOR: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Doubled:
    """How many ids stand in more than one record, and in how many records; parts to judge again."""

    ids: int = 0
    records: int = 0
    parts: tuple[int, ...] = ()


def keys(ids: Any, marked: Any) -> Any:
    """A 64-bit number an id: its hash, with the lowest bit telling whether the record is marked."""
    import numpy as np

    return (hashes(ids) & ~np.uint64(1)) | marked.astype(np.uint64)


def hashes(ids: Any) -> Any:
    """A hash a text of a string column; the same on every machine."""
    import numpy as np

    count = len(ids)
    offsets = np.frombuffer(ids.buffers()[1], dtype=np.int32)[ids.offset : ids.offset + count + 1]
    starts, lengths = offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64)
    raw = ids.buffers()[2]
    data = np.concatenate(
        (np.frombuffer(raw, dtype=np.uint8) if raw else np.zeros(0, np.uint8), np.zeros(8, np.uint8))
    )
    found = lengths.astype(np.uint64) * np.uint64(_FACTOR)
    usual = lengths <= _LONGEST
    for at in range(0, int(lengths[usual].max(initial=0)), 8):
        rows = np.flatnonzero(usual & (lengths > at))
        word = np.zeros(len(rows), dtype=np.uint64)
        for byte in range(8):
            place = starts[rows] + at + byte
            inside = lengths[rows] > at + byte
            word |= np.where(inside, data[np.where(inside, place, 0)], 0).astype(np.uint64) << np.uint64(
                8 * byte
            )
        found[rows] = _mixed(found[rows] ^ word)
    for row in np.flatnonzero(~usual):
        text = data[starts[row] : starts[row] + lengths[row]].tobytes()
        found[row] = int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
    return _mixed(found)


def _mixed(values: Any) -> Any:
    import numpy as np

    values = values * np.uint64(_FACTOR)
    values = values ^ (values >> np.uint64(29))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    return values ^ (values >> np.uint64(32))


def already_marked(batch: pa.RecordBatch) -> Any:
    """Whether each row of a batch of patients says itself that its id stands in several records."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    marked = np.zeros(batch.num_rows, dtype=bool)
    problems = batch.column("problems")
    if pc.sum(pc.list_value_length(problems)).as_py():
        codes = pc.struct_field(pc.list_flatten(problems), "code")
        of_row = pc.list_parent_indices(problems).to_numpy(zero_copy_only=False)
        hit = pc.is_in(codes, pa.array(MARKED)).to_numpy(zero_copy_only=False)
        marked[of_row[hit]] = True
    return marked


def write_keys(path: Path, found: Sequence[Any]) -> None:
    """The keys of a part, sorted."""
    import numpy as np

    together = np.sort(np.concatenate(list(found))) if found else np.zeros(0, dtype=np.uint64)
    with path.open("wb") as file:
        file.write(together.astype("<u8").tobytes())


def find_doubled(files: Sequence[Path], into: Path) -> Doubled:
    """Compare the keys of all parts; `into` takes each doubled hash with its number of records, sorted."""
    import numpy as np

    parts = [_mapped(path) for path in files]
    total = sum(len(part) for part in parts)
    slices = max(-(-total // AT_ONCE), 1)
    # Even ends: the marked and the unmarked key of a hash stand side by side.
    ends = [(1 << 64) * number // slices & ~1 for number in range(1, slices)]
    ids = records = 0
    again: set[int] = set()
    with whole(into) as unfinished, unfinished.open("wb") as file:
        for low, high in zip((0, *ends), (*ends, None), strict=True):
            taken = [_between(part, low, high) for part in parts]
            together = np.concatenate((np.zeros(0, np.uint64), *taken)) >> np.uint64(1)
            values, counts = np.unique(together, return_counts=True)
            several = counts > 1
            if not several.any():
                continue
            doubled = values[several]
            ids += len(doubled)
            records += int(counts[several].sum())
            file.write(np.column_stack((doubled, counts[several].astype(np.uint64))).astype("<u8").tobytes())
            again |= {
                number
                for number, mine in enumerate(taken)
                if np.isin(mine[(mine & np.uint64(1)) == 0] >> np.uint64(1), doubled).any()
            }
    sync_folder(into.parent)
    return Doubled(ids, records, tuple(sorted(again)))


def _mapped(path: Path) -> Any:
    import numpy as np

    if not path.stat().st_size:
        return np.zeros(0, dtype="<u8")
    return np.memmap(path, dtype="<u8", mode="r")


def _between(part: Any, low: int, high: int | None) -> Any:
    import numpy as np

    first = np.searchsorted(part, np.uint64(low))
    last = len(part) if high is None else np.searchsorted(part, np.uint64(high))
    return np.asarray(part[first:last], dtype=np.uint64)


class Marker:
    """Marks the records of a batch whose id stands in several; built once in each process."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        pairs = np.fromfile(path, dtype="<u8").reshape(-1, 2)
        self._hashes, self._counts = np.ascontiguousarray(pairs[:, 0]), pairs[:, 1]

    def marked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, with a problem on each of these records: such a record is never clear."""
        import numpy as np
        import pyarrow as pa

        if not batch.num_rows or not len(self._hashes):
            return batch
        own = hashes(batch.column("id")) >> np.uint64(1)
        place = np.minimum(np.searchsorted(self._hashes, own), len(self._hashes) - 1)
        hit = (self._hashes[place] == own) & ~already_marked(batch)
        if not hit.any():
            return batch
        index = batch.schema.get_field_index("problems")
        problems = batch.column(index).to_pylist()
        for row in np.flatnonzero(hit):
            number = int(self._counts[place[row]])
            text = f"{number} records have this id and are judged apart; join them to have one judged"
            value = batch.column("id")[int(row)].as_py()
            more = {"code": CODE, "message": text, "path": "$.id", "value": value}
            problems[row] = [*(problems[row] or ()), more]
        return batch.set_column(
            index, batch.schema.field(index), pa.array(problems, type=batch.schema.field(index).type)
        )
