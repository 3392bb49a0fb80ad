"""Patients to rows of the published schema and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from caveat.columns.build import column
from caveat.columns.schema import patients as schema
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

MEASURED = ("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")


def to_batch(patients: Iterable[Patient]) -> pa.RecordBatch:
    """A batch with a row a patient, in their order; equal facts to within 15 significant digits."""
    import pyarrow as pa

    wanted = schema()
    rows = [patient.__dict__ for patient in patients]
    arrays = [column([row[field.name] for row in rows], field.type, field.name) for field in wanted]
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def to_patient(batch: pa.RecordBatch, row: int) -> Patient:
    """The Patient of a row. Raises pydantic's ValidationError for a row that is no valid record."""
    return Patient.model_validate(record(batch, row))


def record(batch: pa.RecordBatch, row: int) -> dict[str, Any]:
    """The native record of a row, without what is null."""
    return _native(batch.slice(row, 1).to_pylist()[0])


def records(batch: pa.RecordBatch, rows: Sequence[int]) -> list[dict[str, Any]]:
    """The native records of some rows, without what is null.

    Raises UnicodeDecodeError for text that is not UTF-8.
    """
    import pyarrow as pa

    return [_native(plain) for plain in batch.take(pa.array(rows, pa.int64())).to_pylist()]


def _native(plain: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _bare(plain)
    for name in MEASURED:
        if name in found and found[name].keys() == {"value"}:
            found[name] = found[name]["value"]
    return found


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if isinstance(value, float):
        return exact(value)
    return value


def exact(value: float) -> Decimal:
    """The shortest decimal that is this number; raises InvalidOperation for none."""
    whole = int(value) if value == value and abs(value) < 1e15 else None
    return Decimal(whole) if whole is not None and whole == value else Decimal(repr(value))
