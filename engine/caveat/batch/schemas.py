"""The Arrow schemas of a run's files: those of the evaluator, with the place of a patient in the run.

`part` and `row` name a patient of the run, also where an id occurs twice: the part of the cohort,
and the row among the screened patients of that part.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

FILES = ("findings", "patients", "rejects")
VERSION = "1"


@cache
def findings() -> pa.Schema:
    """As the evaluator's, with `part`; `row` counts from the first patient of the part.

    Lists hold plain text, for pyarrow does not read lists of dictionaries over several row groups.
    """
    import pyarrow as pa

    from caveat.evaluators.columnar import results

    base = results.findings()
    fields = [field.with_type(_plain(field.type)) for field in base]
    fields.insert(1, pa.field("part", pa.int32(), nullable=False))
    return pa.schema(fields, metadata=base.metadata)


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type):
        return pa.list_(kind.value_type.value_type)
    return kind


@cache
def patients() -> pa.Schema:
    """As the evaluator's, with `part` and `row`."""
    import pyarrow as pa

    from caveat.evaluators.columnar import results

    base = results.patients()
    fields = list(base)
    fields[1:1] = [pa.field(name, pa.int32(), nullable=False) for name in ("part", "row")]
    return pa.schema(fields, metadata=base.metadata)


@cache
def rejects() -> pa.Schema:
    """One row a thing that was set aside; `patient` is null unless it is a whole patient record.

    `patient` is empty text for a patient record without a readable id.
    """
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("part", pa.int32(), nullable=False),
            ("file", pa.string()),
            ("line", pa.int64()),
            ("field", pa.string()),
            pa.field("code", pa.string(), nullable=False),
            ("message", pa.string()),
            ("value", pa.string()),
            ("hint", pa.string()),
            ("also", pa.list_(pa.string())),
            pa.field("harmless", pa.bool_(), nullable=False),
            ("patient", pa.string()),
        ],
        metadata={"caveat.rejects": VERSION},
    )


def schema_of(name: str) -> pa.Schema:
    """The schema of `findings`, `patients` or `rejects`."""
    return {"findings": findings, "patients": patients, "rejects": rejects}[name]()
