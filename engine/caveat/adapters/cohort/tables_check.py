"""Rows of a table as valid records, and a Reject for each that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caveat.adapters.cohort.base import Rejected
from caveat.adapters.native import RecordError, read_native
from caveat.adapters.reject import Reject, reject
from caveat.columns import check
from caveat.errors import InputError
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa


def checked(
    batch: pa.RecordBatch, *, source: str = "", first: int = 1
) -> tuple[pa.RecordBatch, list[Rejected]]:
    """The rows of a batch in the published schema that are valid records, and the others set aside.

    The outcome is that of `read_native` for each row: a value that cannot be true is set aside as a
    problem and the rest is kept, in its place; a row that is no record is rejected with every fault.
    `line` of a Reject is the number of its row, where `first` is the number of the first.
    """
    found = check.checked(batch, lambda row, record: _read(record, source, first + row))
    return found.batch, [one for _, one in found.refused]


def _read(record: dict[str, Any] | None, source: str, line: int) -> Patient | Rejected:
    if record is None:
        hint = "Write the table again with its text in UTF-8"
        return Rejected(
            Reject(source, "encoding", "the row holds text that is not UTF-8", line, hint=hint), ""
        )
    try:
        return read_native(record)
    except InputError as problem:
        identity = record.get("id")
        return Rejected(rejected(problem, source, line), identity if isinstance(identity, str) else "")


def rejected(problem: InputError, source: str, line: int | None) -> Reject:
    """The Reject of a record that cannot be read, with every fault of it."""
    if isinstance(problem, RecordError):
        return Reject(
            source,
            problem.code,
            problem.summary,
            line,
            problem.path,
            problem.value,
            problem.hint,
            problem.also,
        )
    return reject(problem, source=source, line=line)
