"""Ids that stand in more than one record of a DataFrame: each alone may be half the truth about a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

CODE: Final = "same-patient"
SAID_ALREADY: Final = (CODE, "patient-conflict")
"""Codes with which a reader itself marks records of one id."""

MOST: Final = 1_000_000


def doubled_ids(dataframe: DataFrame) -> dict[str, int]:
    """Each id that stands in more than one record, with the number of records.

    Reads the ids of the whole DataFrame. Raises InputError past a million of them: such a table
    has not one row a patient.
    """
    from pyspark.sql.functions import col

    ids = dataframe.select(col("id").cast("string").alias("id")).where(col("id").isNotNull())
    found = ids.groupBy("id").count().where(col("count") > 1).limit(MOST + 1).collect()
    if len(found) > MOST:
        raise InputError(
            f"more than {MOST:,} ids stand in more than one record",
            code="same-patient",
            path="$.id",
            hint="Group the records of each patient into one row",
        )
    return {row["id"]: int(row["count"]) for row in found}


def marked(batch: pa.RecordBatch, doubled: Mapping[str, int]) -> pa.RecordBatch:
    """The batch in the published schema, with a problem on each of these records: none of them is clear."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not doubled or not batch.num_rows:
        return batch
    hits = pc.index_in(batch.column("id"), pa.array(list(doubled), pa.string())).is_valid()
    if not hits.true_count:
        return batch
    place = batch.schema.get_field_index("problems")
    problems: list[Any] = batch.column(place).to_pylist()
    for row, (hit, identity) in enumerate(zip(hits.to_pylist(), batch.column("id").to_pylist(), strict=True)):
        said = problems[row] or []
        if not hit or any(one["code"] in SAID_ALREADY for one in said if one is not None):
            continue
        text = f"{doubled[identity]} records have this id and are judged apart; join them to have one judged"
        problems[row] = [*said, {"code": CODE, "message": text, "path": "$.id", "value": identity}]
    field = batch.schema.field(place)
    return batch.set_column(place, field, pa.array(problems, type=field.type))
