"""What a finished first half leaves behind, and what reading each part counted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from caveat.adapters.cohort.base import Input
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.bulk.meaning import Form
from caveat.adapters.fhir.bulk.rows import Row, decoder, encode
from caveat.facts.clinical import Order
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT: Final = 3
"""Raised when files written by an older version can no longer be read."""


class Stamp(msgspec.Struct, frozen=True):
    """An input as the file system sees it, so that a change shows without reading it."""

    label: str
    group: str
    size: int
    modified: int
    changed: int


class State(msgspec.Struct):
    """Written last: while it is absent nothing was prepared."""

    format: int
    buckets: int
    stamps: list[Stamp]
    inputs: tuple[Input, ...]
    last: list[int]
    common: list[list[Row]]
    concepts: list[fhir.Concept]
    forms: list[Form]
    orders: list[fhir.MedicationRequest]
    conditions: list[fhir.Condition]
    shelved: bool
    rejects: int
    types: dict[str, int]
    codes: dict[str, int]
    counts: dict[str, int]


class Tally(msgspec.Struct):
    """Counts of the patients of one part."""

    patients: int = 0
    patients_without_patient_resource: int = 0
    patients_without_order: int = 0
    orders: int = 0
    orders_without_code: int = 0
    medication_references_unresolved: int = 0

    def count(self, patients: Iterable[Patient], orders: pa.Array | None) -> None:
        """Counts patients; their orders are their own, or those of a column."""
        for one in patients:
            self._count(one, one.orders if orders is None else None)
        if orders is None:
            return
        import pyarrow.compute as pc

        lengths = pc.list_value_length(orders)
        some = pc.sum(pc.greater(lengths, 0)).as_py() or 0
        self.patients_without_order -= some
        codes = pc.list_value_length(orders.flatten().field("codes"))
        self.orders += len(codes)
        self.orders_without_code += len(codes) - (pc.sum(pc.greater(codes, 0)).as_py() or 0)

    def _count(self, one: Patient, orders: tuple[Order, ...] | None) -> None:
        self.patients += 1
        if not orders:
            self.patients_without_order += 1
        else:
            self.orders += len(orders)
            self.orders_without_code += sum(not order.codes for order in orders)
        for problem in one.problems:
            if problem.code == "reference" and (problem.path or "").endswith("medicationReference"):
                self.medication_references_unresolved += 1
            elif problem.code == "patient-missing":
                self.patients_without_patient_resource += 1


def write(path: Path, value: Any) -> None:
    """Writes a value so that it is there whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(encode(value))
    unfinished.replace(path)


def read_state(folder: Path) -> State | None:
    """The state of a folder; None where there is none, or one that this version cannot read."""
    found: State | None = _read(folder / "state.bin", State)
    return found


def read_tallies(folder: Path, buckets: int) -> list[Tally]:
    """The counts of the parts that were read."""
    found = (_read(folder / "read" / f"{part}.bin", Tally) for part in range(buckets))
    return [one for one in found if one is not None]


def _read(path: Path, kind: Any) -> Any:
    try:
        return decoder(kind)(path.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
