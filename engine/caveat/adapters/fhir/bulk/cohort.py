"""A cohort of FHIR files: Bulk Data folders, Bundles, and whatever else stands beside them."""

from __future__ import annotations

import gc
import hashlib
import math
import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.cohort.base import Chunk, Input, Rejected
from caveat.adapters.fhir.bulk.bucket import Bucket
from caveat.adapters.fhir.bulk.journal import blocks
from caveat.adapters.fhir.bulk.pools import Pools
from caveat.adapters.fhir.bulk.settling import settle
from caveat.adapters.fhir.bulk.shelf import Shelf
from caveat.adapters.fhir.bulk.sorting import Aside, Sorting
from caveat.adapters.fhir.bulk.state import FORMAT, Stamp, State, Tally, read_state, read_tallies, write
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.reject import Reject
from caveat.adapters.sources import GZIP, Source, expand, unreadable
from caveat.errors import InputError
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

BUCKET: Final = 64_000_000
"""Bytes of unpacked input to a bucket, as estimated from the sizes of the files."""

_PACKED: Final = 15
_READ: Final = 1 << 20


class BulkCohort:
    """FHIR files as a cohort; `kind` is `fhir`.

    `bound` says which observation codes any concept knows, as for `read_records`; it must be
    picklable. `partitions` is the number of parts; by default it follows from the size of the input.
    """

    kind = "fhir"

    def __init__(
        self, paths: Sequence[str | Path], *, bound: Bound | None = None, partitions: int | None = None
    ) -> None:
        if partitions is not None and partitions < 1:
            raise ValueError(f"partitions must be at least 1, not {partitions}")
        self._paths = tuple(str(path) for path in paths)
        self._bound, self._partitions = bound, partitions
        self._folder: Path | None = None
        self._state: State | None = None
        self._pools: Pools | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_state": None, "_pools": None}  # read again from the folder by each process

    def inputs(self) -> tuple[Input, ...]:
        """Every file with its hash. InputError when one cannot be read.

        After `prepare` the hashes are those it took while reading; without it each file is read.
        """
        if self._folder is not None:
            return self._ready().inputs
        sources = list(self._sources(strict=True))
        stamps = _stamps(sources)
        return tuple(
            Input(stamp.label, stamp.size, _hash(path))
            for stamp, (_, path) in zip(stamps, _files(sources), strict=True)
        )

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Sorts every resource by patient into buckets below `work`; does nothing when that is done.

        InputError for a file that cannot be read, or that changes while it is read.
        """
        folder, unfinished = work / "bulk", work / "bulk.unfinished"
        sources = list(self._sources())
        stamps = _stamps(sources)
        buckets = self._partitions or _buckets(sources)
        shutil.rmtree(unfinished, ignore_errors=True)
        done = read_state(folder)
        if done is not None and (done.format, done.stamps, done.buckets) == (FORMAT, stamps, buckets):
            self._folder, self._state, self._pools = folder, done, None
            return
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            state = self._sort(sources, stamps, buckets, unfinished, say)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)  # on a full disk, room for others
            raise
        write(unfinished / "state.bin", state)
        _sync(unfinished)
        unfinished.rename(folder)
        _sync(work)
        self._folder, self._state, self._pools = folder, state, None

    def _sources(self, *, strict: bool = False) -> Iterator[Source | Reject]:
        for one in expand(self._paths):
            if strict and isinstance(one, Reject) and one.code != "no-records":
                raise InputError(one.message, code=one.code, source=one.source, hint=one.hint)
            yield one

    def _sort(
        self,
        sources: list[Source | Reject],
        stamps: list[Stamp],
        buckets: int,
        folder: Path,
        say: Callable[[str], None],
    ) -> State:
        files = [one for one in sources if isinstance(one, Source)]
        sorting = Sorting(folder, buckets, alone=len(files) == 1, bound=self._bound)
        hashes: list[Future[str]] = []
        every = max(1, len(files) // 100)
        try:
            for refused in sources:
                if isinstance(refused, Reject):
                    sorting.aside(refused)
            with ThreadPoolExecutor(1) as beside:  # hashing leaves the interpreter free
                for number, (one, path) in enumerate(_files(files)):
                    if number % every == 0:
                        say(f"reading {one.label} ({number + 1} of {len(files)})")
                    hashes.append(beside.submit(_hash, path))
                    with unswept():
                        sorting.take(one, number)
                    hashes[-1].result()
            settle(sorting, folder, buckets, self._paths)
            sorting.close()
        except BaseException:
            sorting.abandon()
            raise
        _unchanged(stamps, _stamps(files))
        (folder / "deferred.bin").unlink()
        for name in ("rows.bin", "shared.sqlite", "rejects.bin"):
            _sync(folder / name)
        (folder / "read").mkdir()
        taken = [
            Input(stamp.label, stamp.size, future.result())
            for stamp, future in zip(stamps, hashes, strict=True)
        ]
        return State(
            FORMAT,
            buckets,
            stamps,
            tuple(taken),
            sorting.spill.last,
            [group.common for group in sorting.groups],
            sorting.tables.concepts,
            sorting.tables.forms,
            sorting.tables.orders,
            sorting.tables.conditions,
            sorting.shelf.count > 0,
            sorting.rejects.count,
            dict(sorting.types),
            dict(sorting.codes),
            dict(sorting.counts),
        )

    def _ready(self) -> State:
        if self._folder is None:
            raise RuntimeError("call prepare first")
        if self._state is None:
            self._state = read_state(self._folder)
            if self._state is None:
                raise RuntimeError(f"{self._folder} does not hold what prepare wrote")
        return self._state

    def parts(self) -> int:
        """How many parts there are; after `prepare`."""
        return self._ready().buckets

    def read(self, part: int) -> Iterator[Chunk]:
        """The patients of a part in order of first appearance; what was set aside comes with part 0."""
        from caveat.columns.records import to_batch

        state = self._ready()
        if not 0 <= part < state.buckets:
            raise ValueError(f"there are {state.buckets} parts; {part} is none of them")
        if part == 0:
            yield from self._aside(to_batch)
        tally = Tally()
        assert self._folder is not None
        shelf = Shelf(self._folder / "shared.sqlite")
        try:
            with unswept():
                pools = self._pools = self._pools or Pools(state, self._bound)
                bucket = Bucket(self._folder, part, state, shelf)
                for patients, columns in bucket.chunks(self._bound, pools):
                    tally.count(patients, columns.get("orders"))
                    yield Chunk(_batch(patients, columns), (), len(patients))
        finally:
            shelf.close()
        write(self._folder / "read" / f"{part}.bin", tally)

    def _aside(self, to_batch: Callable[[list[Patient]], pa.RecordBatch]) -> Iterator[Chunk]:
        assert self._folder is not None
        for block in blocks(self._folder / "rejects.bin", Aside):
            rejected = tuple(Rejected(one.reject, one.patient) for one in block)
            yield Chunk(to_batch([]), rejected, sum(one.patient is not None for one in rejected))

    def patients(self, part: int) -> Iterator[Patient]:
        """The patients of a part as `read_records` gives them, in the order of `read`."""
        state = self._ready()
        assert self._folder is not None
        shelf = Shelf(self._folder / "shared.sqlite")
        try:
            yield from Bucket(self._folder, part, state, shelf).patients(self._bound)
        finally:
            shelf.close()

    def about(self) -> dict[str, Any]:
        """Counts of what was met; those of patients and orders are of the parts read so far."""
        state = self._ready()
        assert self._folder is not None
        tallies = read_tallies(self._folder, state.buckets)
        total: Counter[str] = Counter()
        for tally in tallies:
            total.update({name: getattr(tally, name) for name in tally.__struct_fields__})
        orders = total["orders"]
        return {
            "files": state.counts.get("files", 0),
            "bytes": sum(one.size for one in state.inputs),
            "lines": state.counts.get("lines", 0),
            "bundles": state.counts.get("bundles", 0),
            "native_records": state.counts.get("native", 0),
            "resources": dict(sorted(state.types.items())),
            "rejects": dict(sorted(state.codes.items())),
            "patient_records_rejected": state.counts.get("patients_rejected", 0),
            "source_reports": sum(len(common) for common in state.common),
            "parts": state.buckets,
            "parts_read": len(tallies),
            **{name: total[name] for name in Tally.__struct_fields__},
            "orders_without_code_share": round(total["orders_without_code"] / orders, 4) if orders else None,
        }


def _batch(patients: list[Patient], columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """The rows of patients, with some columns given."""
    import pyarrow as pa

    from caveat.columns.build import column
    from caveat.columns.schema import patients as schema

    wanted = schema()
    rows = [one.__dict__ for one in patients]
    arrays = [
        columns[one.name]
        if one.name in columns
        else column([row[one.name] for row in rows], one.type, one.name)
        for one in wanted
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


@contextmanager
def unswept() -> Iterator[None]:
    """The collector of cycles at rest: millions of records without any keep it busy for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _files(sources: Iterable[Source | Reject]) -> Iterator[tuple[Source, Path]]:
    for one in sources:
        if isinstance(one, Source) and one.path is not None:
            yield one, one.path


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = hashlib.sha256()
            while block := file.read(_READ):
                found.update(block)
            return found.hexdigest()
    except OSError as error:
        raise unreadable(str(path), error) from None


def _stamps(sources: Iterable[Source | Reject]) -> list[Stamp]:
    found = []
    for one, path in _files(sources):
        try:
            status = path.stat()
        except OSError as error:
            raise unreadable(one.label, error) from None
        if not stat.S_ISREG(status.st_mode):
            raise InputError(
                "it can be read only once",
                code="not-a-file",
                source=one.label,
                hint="Write it to a file and name that",
            )
        found.append(Stamp(one.label, one.group, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return found


def _unchanged(before: list[Stamp], after: list[Stamp]) -> None:
    for one, other in zip(before, after, strict=True):
        if one != other:
            raise InputError(
                "the file changed while it was read",
                code="changed",
                source=one.label,
                hint="Wait until the export is complete, then run it again",
            )


def _buckets(sources: Iterable[Source | Reject]) -> int:
    size = 0
    for _, path in _files(sources):
        with suppress(OSError), path.open("rb") as file:
            packed = file.read(2) == GZIP
            size += path.stat().st_size * (_PACKED if packed else 1)
    return max(1, math.ceil(size / BUCKET))


def _sync(path: Path) -> None:
    """Sees a file or the names of a folder on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
