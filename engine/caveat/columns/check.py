"""Rows of a batch that are valid records, and those that are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from caveat.columns.conform import conform
from caveat.columns.encoding import alike
from caveat.columns.records import records, to_batch
from caveat.columns.suspicion import suspicious
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Checked", "checked", "conform", "suspicious"]

_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Checked(Generic[_R]):
    """The valid rows in their order, and what became of the others: row number and refusal.

    `rows` are the numbers that the valid rows had in the batch that was checked.
    """

    batch: pa.RecordBatch
    rows: tuple[int, ...] | range
    refused: tuple[tuple[int, _R], ...]


def checked(
    batch: pa.RecordBatch, reread: Callable[[int, dict[str, Any] | None], Patient | _R]
) -> Checked[_R]:
    """The rows of a batch in the published schema that are valid records.

    Rows that may not be are given to `reread` with their number, as native records (None where
    their text is not UTF-8): it returns the Patient, perhaps with impossible values set aside, or
    whatever says why there is none. The columns of an untrusted source go through `conform` first.
    """
    import numpy as np
    import pyarrow as pa

    doubtful = np.flatnonzero(suspicious(batch)).tolist()
    if not doubtful:
        return Checked(batch, range(batch.num_rows), ())
    mended: list[Patient] = []
    refused: list[tuple[int, _R]] = []
    # Where each row that is kept stands in the batch followed by the rows read anew; -1 is refused.
    place = np.arange(batch.num_rows)
    for row, record in zip(doubtful, _readable(batch, doubtful), strict=True):
        found = reread(row, record)
        if isinstance(found, Patient):
            place[row] = batch.num_rows + len(mended)
            mended.append(found)
        else:
            place[row] = -1
            refused.append((row, found))
    kept = np.flatnonzero(place >= 0)
    both = pa.Table.from_batches([batch, alike(to_batch(mended), batch.schema)], schema=batch.schema)
    rows = both.take(pa.array(place[kept])).combine_chunks().to_batches()
    valid = rows[0] if rows else batch.slice(0, 0)
    return Checked(valid, tuple(kept.tolist()), tuple(refused))


def _readable(batch: pa.RecordBatch, rows: list[int]) -> list[dict[str, Any] | None]:
    try:
        return list(records(batch, rows))
    except UnicodeDecodeError:
        return [None] if len(rows) == 1 else [one for row in rows for one in _readable(batch, [row])]
