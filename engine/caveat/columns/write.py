"""Patients as a Parquet file in the published schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from caveat.columns.records import to_batch
from caveat.columns.schema import patients as schema
from caveat.facts.patient import Patient

A_GROUP: Final = 50_000
"""Rows of a row group: what a run reads as one part."""

_BATCH: Final = 5_000


def write_parquet(patients: Iterable[Patient], path: Path | str) -> int:
    """Write the patients, in their order, and return how many; memory holds one row group at most."""
    import pyarrow as pa
    from pyarrow import parquet

    count = 0
    with parquet.ParquetWriter(str(path), schema(), compression="zstd") as writer:
        each = iter(patients)
        while batches := [to_batch(some) for some in _batches(each)]:
            group = pa.Table.from_batches(batches)
            writer.write_table(group, row_group_size=A_GROUP)
            count += group.num_rows
    return count


def _batches(patients: Iterator[Patient]) -> Iterator[list[Patient]]:
    """Batches of one row group, taken from the patients that are left."""
    for _ in range(A_GROUP // _BATCH):
        some = list(islice(patients, _BATCH))
        if not some:
            return
        yield some
