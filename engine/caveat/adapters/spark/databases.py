"""A partition of OMOP rows as a small database, read by the reader of one machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from caveat.adapters.cohort.base import Rejected
from caveat.adapters.cohort.omop import OmopCohort
from caveat.adapters.spark.lines import plain, reject_type
from caveat.adapters.spark.people import bound_by
from caveat.columns.schema import patients as published

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import Broadcast


@cache
def schema() -> pa.Schema:
    """A row a patient, a reject, or what the partition says of its tables with its number of patients."""
    import pyarrow as pa

    return pa.schema(
        [
            ("patient", pa.struct([pa.field(field.name, field.type) for field in published()])),
            ("reject", reject_type()),
            ("line", pa.int64()),
            ("about", pa.string()),
            ("entered", pa.int64()),
        ]
    )


@dataclass(frozen=True, slots=True)
class Databases:
    """Sent to the workers; called with the rows of a partition, it gives its patients.

    `vocabulary` are tables as Arrow files, `terminology` says which observations any concept knows.
    `label` is the database as people know it.
    """

    vocabulary: Broadcast[dict[str, bytes]]
    terminology: Broadcast[bytes] | None
    label: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of `schema`; none for a partition without rows."""
        with TemporaryDirectory(prefix="caveat-omop-") as folder:
            home = Path(folder)
            tables = home / "tables"
            tables.mkdir()
            if not _laid_down(batches, tables):
                return
            for name, data in self.vocabulary.value.items():
                _write(tables / f"{name}.parquet", data)
            bound = bound_by(self.terminology.value) if self.terminology is not None else None
            cohort = OmopCohort(tables, bound=bound)
            cohort.prepare(home / "work", lambda sentence: None)
            entered = 0
            for part in range(cohort.parts()):
                for chunk in cohort.read(part):
                    entered += chunk.entered
                    if chunk.batch.num_rows:
                        yield _patients(chunk.batch)
                    if chunk.rejected:
                        yield self._rejects(chunk.rejected, str(tables))
            yield _rows([{"about": json.dumps(cohort.about()), "entered": entered}])

    def _rejects(self, rejected: tuple[Rejected, ...], place: str) -> pa.RecordBatch:
        """The rejects with the place as people know it, not that of this partition."""
        rows = []
        for one in rejected:
            source = one.reject.source.replace(place, self.label, 1)
            why = replace(one.reject, source=source)
            rows.append({"reject": plain(why, patient=one.patient), "line": one.reject.line})
        return _rows(rows)


def _laid_down(batches: Iterator[pa.RecordBatch], folder: Path) -> bool:
    """Each table as Parquet, in bounded memory; a table of which no row came is there and empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writers: dict[str, Any] = {}
    try:
        for batch in batches:
            for place, field in enumerate(batch.schema):
                own = pa.schema(list(field.type))
                if field.name not in writers:
                    writers[field.name] = pq.ParquetWriter(folder / f"{field.name}.parquet", own)
                column = batch.column(place)
                rows = column.filter(column.is_valid())
                if len(rows):
                    writers[field.name].write_batch(pa.RecordBatch.from_arrays(rows.flatten(), schema=own))
    finally:
        for writer in writers.values():
            writer.close()
    return bool(writers)


def _write(path: Path, data: bytes) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pa.ipc.open_file(pa.py_buffer(data)) as opened:
        pq.write_table(opened.read_all(), path)


def _patients(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa

    kind = schema().field("patient").type
    held = pa.StructArray.from_arrays(batch.columns, fields=list(kind))
    others = [pa.nulls(batch.num_rows, field.type) for field in list(schema())[1:]]
    return pa.RecordBatch.from_arrays([held, *others], schema=schema())


def _rows(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(rows, schema=schema())
