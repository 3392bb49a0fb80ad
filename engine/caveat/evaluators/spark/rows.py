"""The rows in which findings, patients and rejects leave a worker: one schema, one kind a row.

`mapInArrow` gives one table, so a row says in `kind` what it is and holds that alone: `finding`,
`patient`, `reject`, or `part` with the number of records that a worker was given of a partition.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from caveat.evaluators.columnar import results

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

KINDS: Final = ("finding", "patient", "reject", "part")


@cache
def finding() -> pa.DataType:
    """A row of `results.findings` in plain types, without `row`: a place in a batch means nothing here."""
    import pyarrow as pa

    return pa.struct([(f.name, _plain(f.type)) for f in results.findings() if f.name != "row"])


@cache
def patient() -> pa.DataType:
    """A row of `results.patients` in plain types."""
    import pyarrow as pa

    return pa.struct([(f.name, _plain(f.type)) for f in results.patients()])


@cache
def reject() -> pa.DataType:
    """A record that is judged nowhere: its id, empty where it has none, and why.

    `file` is what the record says of its source, `field` the place in it, `also` its further faults.
    """
    import pyarrow as pa

    names = ("patient", "file", "field", "code", "message", "value", "hint")
    return pa.struct([*((name, pa.string()) for name in names), ("also", pa.list_(pa.string()))])


@cache
def schema() -> pa.Schema:
    """The schema of a worker's batches."""
    import pyarrow as pa

    part = pa.struct([("entered", pa.int64()), ("counts", pa.string())])
    return pa.schema(
        [
            ("kind", pa.string()),
            ("finding", finding()),
            ("patient", patient()),
            ("reject", reject()),
            ("part", part),
        ]
    )


def spark_schema() -> StructType:
    """The same as Spark writes it."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema())


def batch(kind: str, held: pa.StructArray) -> pa.RecordBatch:
    """Rows of one kind; every other kind is null in them."""
    import pyarrow as pa

    columns: list[pa.Array] = []
    for field in schema():
        if field.name == "kind":
            columns.append(pa.repeat(pa.scalar(kind), len(held)))
        else:
            columns.append(held if field.name == kind else pa.nulls(len(held), field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema())


def of_results(kind: str, found: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of a batch of findings or patients."""
    import pyarrow as pa

    held = schema().field(kind).type
    columns = [found.column(field.name).cast(field.type) for field in held]
    return batch(kind, pa.StructArray.from_arrays(columns, fields=list(held)))


def of_plain(kind: str, found: Iterable[dict[str, Any]]) -> pa.RecordBatch:
    """Rows of plain data."""
    import pyarrow as pa

    return batch(kind, pa.array(list(found), type=schema().field(kind).type))


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without dictionaries, which Spark does not read."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _plain(field.type)) for field in kind])
    return kind
