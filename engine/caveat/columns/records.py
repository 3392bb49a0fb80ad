"""Patients to rows of the published schema and back."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from caveat.columns.schema import patients as schema
from caveat.dates import When
from caveat.facts.patient import Patient
from caveat.facts.values import Quantity
from caveat.terminology.codes import Code

if TYPE_CHECKING:
    import pyarrow as pa

MEASURED = ("weight", "height", "serum_creatinine", "creatinine_clearance", "egfr")


def to_batch(patients: Iterable[Patient]) -> pa.RecordBatch:
    """A batch with a row a patient, in their order; equal facts to within 15 significant digits."""
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([_plain(patient) for patient in patients], schema=schema())


def to_patient(batch: pa.RecordBatch, row: int) -> Patient:
    """The Patient of a row. Raises pydantic's ValidationError for a row that is no valid record."""
    return Patient.model_validate(record(batch, row))


def record(batch: pa.RecordBatch, row: int) -> dict[str, Any]:
    """The native record of a row, without what is null."""
    found: dict[str, Any] = _bare(batch.slice(row, 1).to_pylist()[0])
    for name in MEASURED:
        if name in found and found[name].keys() == {"value"}:
            found[name] = found[name]["value"]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Quantity):
        upper = None if value.upper is None else float(value.upper)
        return {
            "value": float(value.value),
            "unit": value.unit,
            "comparator": value.comparator,
            "upper": upper,
        }
    if isinstance(value, When):
        return value.text
    if isinstance(value, Code):
        return {"system": value.system, "code": value.code, "display": value.display or None}
    return value


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if isinstance(value, float):
        return _decimal(value)
    return value


def _decimal(value: float) -> Decimal:
    whole = int(value) if value == value and abs(value) < 1e15 else None
    return Decimal(whole) if whole is not None and whole == value else Decimal(repr(value))
