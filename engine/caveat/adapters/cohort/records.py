"""Whatever `caveat.adapters.read_records` reads, as a cohort: read once, in order, and laid down in parts.

The general way in, for what no reader of its own takes. Records are read one after another in one
process; what they were read to is laid down as Arrow files, so that judging them runs in several.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.cohort.base import Chunk, Input, Rejected
from caveat.adapters.read import read_records
from caveat.adapters.reject import Reject
from caveat.adapters.sources import Source, expand, unreadable
from caveat.errors import InputError
from caveat.facts.patient import Patient
from caveat.terminology.codes import Code

if TYPE_CHECKING:
    import pyarrow as pa

A_PART: Final = 10_000
"""Patients of a part; also the things set aside that make a part full."""

A_BATCH: Final = 1_000
_DONE: Final = "records.json"


class RecordsCohort:
    """Patients in the order in which they are read, `a_part` of them to a part."""

    kind = "records"

    def __init__(
        self,
        paths: tuple[str, ...],
        *,
        bound: Callable[[Code], bool] | None = None,
        a_part: int = A_PART,
    ) -> None:
        self.paths, self.bound, self.a_part = paths, bound, a_part
        self._work: Path | None = None
        self._laid: dict[str, Any] = {}

    def inputs(self) -> tuple[Input, ...]:
        """Every file in the order in which it is read. InputError when one cannot be."""
        found = []
        for source in expand(self.paths):
            if isinstance(source, Source) and source.path is not None:
                found.append(file_input(source.path, source.label))
            elif isinstance(source, Reject):
                raise InputError(source.message, code=source.code, source=source.source, hint=source.hint)
        return tuple(found)

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Read everything once and lay it down; what an interrupted call left is done again."""
        self._work = work
        done = work / _DONE
        if not done.exists():
            for left in work.iterdir():
                left.unlink()
            laid = _Laid(work)
            for found in read_records(self.paths, bound=self.bound):
                laid.take(found, self.a_part)
            laid.close()
            _lay(done, json.dumps(laid.summary()).encode())
        self._laid = json.loads(done.read_bytes())

    def parts(self) -> int:
        """How many parts were laid down."""
        number: int = self._laid["parts"]
        return number

    def read(self, part: int) -> Iterator[Chunk]:
        """The patients of a part, in the order in which they were read."""
        import pyarrow as pa

        assert self._work is not None, "prepare comes first"
        # Read, not mapped: a mapped file that changes ends the process.
        with (
            pa.OSFile(str(self._work / f"part-{part:05d}.arrow"), "rb") as raw,
            pa.ipc.open_stream(raw) as stream,
        ):
            for batch in stream:
                yield Chunk(batch, (), batch.num_rows)
        listed = json.loads((self._work / f"part-{part:05d}.json").read_bytes())
        # What was set aside may be a whole record or a piece of one: the reader does not say which.
        rejected = tuple(Rejected(Reject(**{**one, "also": tuple(one["also"])})) for one in listed)
        if rejected:
            yield Chunk(_nobody(), rejected, 0)

    def about(self) -> dict[str, Any]:
        """Nothing more than what the run counts itself."""
        return {"reader": "records", "patients": self._laid.get("patients")}


def file_input(path: Path, label: str = "") -> Input:
    """A file with the hash of its bytes. InputError when it cannot be read."""
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise unreadable(label or str(path), error) from None
    return Input(label or str(path), size, digest.hexdigest())


class _Laid:
    """Gathers what is read and writes a part when it is full."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._patients: list[Patient] = []
        self._rejects: list[Reject] = []
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._all = 0
        self._numbers = count()
        self._parts = 0

    def take(self, found: Patient | Reject, a_part: int) -> None:
        if isinstance(found, Reject):
            self._rejects.append(found)
        else:
            self._patients.append(found)
            self._rows += 1
            if len(self._patients) >= A_BATCH:
                self._pack()
        if self._rows >= a_part or len(self._rejects) >= a_part:
            self._write()

    def _pack(self) -> None:
        from caveat.columns.records import to_batch

        if self._patients:
            self._batches.append(to_batch(self._patients))
            self._patients = []

    def _write(self) -> None:
        import pyarrow as pa

        from caveat.columns.schema import patients

        self._pack()
        name = f"part-{next(self._numbers):05d}"
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, patients()) as writer:
            for batch in self._batches:
                writer.write_batch(batch)
        _lay(self._work / f"{name}.arrow", sink.getvalue())
        rejects = [asdict(one) for one in self._rejects]
        _lay(self._work / f"{name}.json", json.dumps(rejects, ensure_ascii=False).encode("utf-8", "replace"))
        self._all += self._rows
        self._batches, self._rejects, self._rows = [], [], 0
        self._parts += 1

    def close(self) -> None:
        if self._rows or self._rejects:
            self._write()

    def summary(self) -> dict[str, Any]:
        return {"parts": self._parts, "patients": self._all}


def _lay(path: Path, content: Any) -> None:
    """The content, on the disk when this returns, whole or not at all."""
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _nobody() -> pa.RecordBatch:
    import pyarrow as pa

    from caveat.columns.schema import patients

    return pa.RecordBatch.from_pylist([], schema=patients())
