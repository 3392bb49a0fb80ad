"""What a Spark worker does with the batches of a partition."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from caveat.columns.check import checked, conform
from caveat.columns.records import to_patient
from caveat.compile import portable
from caveat.errors import CaveatError
from caveat.evaluators.columnar import Columnar, Screened, results
from caveat.evaluators.columnar.onebyone import finding_rows, patient_row
from caveat.evaluators.screen import screen
from caveat.evaluators.spark import rows
from caveat.evaluators.spark.doubled import marked
from caveat.facts.identify import Selection, identify
from caveat.facts.patient import Patient
from caveat.facts.strict import RecordError, read_record

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark import Broadcast

NONE: Final[Mapping[str, int]] = MappingProxyType({})


@lru_cache(maxsize=4)
def prepared(raw: bytes, as_of: int, selection: Selection, because: bool) -> Columnar:
    """The evaluator of a ruleset in bytes; built once in a worker process, not once a task."""
    return Columnar(portable.loads(raw), as_of=as_of, selection=selection, because=because)


def release() -> str:
    """The release of caveat that is installed; empty where it does not say."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("caveat")
    except PackageNotFoundError:
        return ""


class Tally(Protocol):
    """Counts what the batches of a partition gave; its text goes out with the rows of the partition."""

    def add(self, screened: Screened) -> None: ...

    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Judge:
    """Sent to the workers; called with the batches of a partition, it gives the rows of its results."""

    rules: Broadcast[bytes]
    as_of: int
    selection: Selection
    because: bool
    release: str
    tally: Callable[[], Tally] | None = None
    doubled: Broadcast[dict[str, int]] | None = None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of every kind. Raises CaveatError when the worker has another release of caveat."""
        if release() != self.release:
            raise CaveatError(
                f"a Spark worker runs caveat {release() or '(unknown)'} and the driver "
                f"{self.release or '(unknown)'}: their answers may differ. Install one release on both"
            )
        columnar = prepared(self.rules.value, self.as_of, self.selection, self.because)
        doubled = self.doubled.value if self.doubled is not None else {}
        tally = self.tally() if self.tally is not None else None
        entered = 0
        for batch in batches:
            entered += batch.num_rows
            for screened, refused in judged(columnar, batch, doubled):
                if tally is not None:
                    tally.add(screened)
                yield from _given(screened, refused)
        if entered:
            counts = tally.text() if tally is not None else None
            yield rows.of_plain("part", [{"entered": entered, "counts": counts}])


Judged = tuple[Screened, list[dict[str, Any]]]


def _given(screened: Screened, refused: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    if screened.findings.num_rows:
        yield rows.of_results("finding", screened.findings)
    if screened.patients.num_rows:
        yield rows.of_results("patient", screened.patients)
    if refused:
        yield rows.of_plain("reject", refused)


def judged(columnar: Columnar, batch: pa.RecordBatch, doubled: Mapping[str, int] = NONE) -> Iterator[Judged]:
    """Results and rejects of a batch; every row of it ends in a patient or a reject, once.

    When judging raises, the batch is judged in halves, so that the record at fault is found: it is
    judged alone by the default evaluator, or named and set aside where even that fails.
    """
    try:
        seen = checked(marked(conform(batch), doubled), reread)
        screened = columnar.screen(seen.batch)
        if screened.patients.num_rows + len(seen.refused) != batch.num_rows:
            raise CaveatError(
                f"{batch.num_rows} records went in, {screened.patients.num_rows} were judged and "
                f"{len(seen.refused)} set aside"
            )
        refused = [_reject(batch, row, **said) for row, said in seen.refused]
        found: Judged | None = screened, refused
    except Exception as error:
        found = _alone(columnar, batch, doubled, error) if batch.num_rows == 1 else None
    if found is not None:
        yield found
    elif batch.num_rows:
        middle = batch.num_rows // 2
        yield from judged(columnar, batch.slice(0, middle), doubled)
        yield from judged(columnar, batch.slice(middle), doubled)


def _alone(columnar: Columnar, batch: pa.RecordBatch, doubled: Mapping[str, int], error: Exception) -> Judged:
    """One record judged by the default evaluator, whose report says of itself when it failed."""
    try:
        patient = to_patient(marked(conform(batch), doubled), 0)
        day = dt.date.fromordinal(columnar.as_of)
        report = screen(patient, columnar.rules, as_of=day, selection=columnar.selection)
        lone = [names for names in _uncovered(columnar, patient) if names]
        findings = finding_rows(report, 0, because=columnar.because)
        row = patient_row(report, patient.source, len(lone))
        return _screened(findings, [row], Counter(name for names in lone for name in names)), []
    except Exception:
        what = " ".join(str(error).split())[:200]
        message = f"the check failed on this record, review it by hand ({type(error).__name__}: {what})"
        return _screened([], [], {}), [_reject(batch, 0, code="check-failed", message=message)]


def _screened(
    findings: list[dict[str, Any]], patients: list[dict[str, Any]], uncovered: dict[str, int]
) -> Screened:
    import pyarrow as pa

    return Screened(
        pa.RecordBatch.from_pylist(findings, schema=results.findings()),
        pa.RecordBatch.from_pylist(patients, schema=results.patients()),
        len(patients),
        dict(uncovered),
    )


def _uncovered(columnar: Columnar, patient: Patient) -> Iterator[list[str]]:
    """The ingredients of each current order that no rule is about."""
    for order in patient.orders or ():
        view = identify(order, columnar.rules.terminology, columnar.as_of, columnar.selection)
        if view.current:
            yield [name for name in view.ingredients if name not in columnar.rules.covered]


def reread(row: int, record: dict[str, Any] | None) -> Patient | dict[str, Any]:
    """The Patient of a record that may not be valid, else what a reject says of it."""
    if record is None:
        return {"code": "encoding", "message": "a text of this record is not UTF-8"}
    try:
        return read_record(record)
    except RecordError as error:
        return {
            "code": error.code,
            "message": error.summary,
            "field": error.path or None,
            "value": error.value or None,
            "hint": error.hint or None,
            "also": list(error.also),
        }


def _reject(batch: pa.RecordBatch, row: int, **said: Any) -> dict[str, Any]:
    """A row of `rows.reject`; the patient is empty text in a record without a readable id."""
    place = _cell(batch, "source", row)
    return {"patient": _cell(batch, "id", row) or "", "file": place, "also": [], **said}


def _cell(batch: pa.RecordBatch, name: str, row: int) -> str | None:
    """The text of a cell, whatever its type; None where there is none."""
    if name not in batch.schema.names:
        return None
    try:
        value = batch.column(name)[row].as_py()
    except UnicodeDecodeError:
        return None
    return None if value is None else str(value)
