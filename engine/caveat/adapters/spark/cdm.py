"""OMOP tables grouped by person in Spark: each partition is read as a small database of its own.

The rows of a person go to one partition, are laid down there as tables, and the reader of one
machine reads them, in DuckDB: the mapping is the same because it is the same code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.omop.faults import LOST
from caveat.adapters.omop.layout import ABOUT, CLINICAL
from caveat.adapters.omop.source import Tables
from caveat.adapters.omop.summary import warnings
from caveat.adapters.spark.built import Built, sent
from caveat.adapters.spark.databases import Databases, schema
from caveat.adapters.spark.tables import key, read
from caveat.columns.schema import patients as published
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import to_json

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

PERSONS: Final = 50_000
"""Persons a partition, by which the number of partitions is chosen."""


def omop(
    spark: SparkSession,
    source: str | Mapping[str, DataFrame],
    *,
    work: str,
    terminology: Terminology | None = None,
    partitions: int | None = None,
) -> Built:
    """The persons of an OMOP database: a folder with a file or folder a table, or DataFrames by table.

    The same facts as `caveat.adapters.cohort.omop` gives for the same tables. The tables are read
    once, at once; what they come to is written to `work`, a new folder that every worker reaches.
    Raises InputError without a table of persons.
    """
    from pyspark.sql.functions import col
    from pyspark.sql.pandas.types import from_arrow_schema

    found = read(spark, source)
    tables = {name: table for name, table in found.tables.items() if name in CLINICAL and table.columns}
    if "drug_exposure" in tables and set(CLINICAL["drug_exposure"].needed) <= set(
        tables["drug_exposure"].columns
    ):
        tables.pop(
            "drug_exposure" if "drug_era" in tables and tables["drug_exposure"].isEmpty() else "drug_era",
            None,
        )
    label = source if isinstance(source, str) else "tables"
    gather = Databases(
        sent(spark, _vocabulary(spark, found.tables, tables)),
        sent(spark, to_json(terminology)) if terminology is not None else None,
        label,
    )
    count = partitions or max(1, -(-tables["person"].where(col("person_id").isNotNull()).count() // PERSONS))
    together = reduce(
        lambda a, b: a.unionByName(b, allowMissingColumns=True),
        (_packed(name, table) for name, table in sorted(tables.items())),
    )
    grouped = together.repartition(count, "key").drop("key")
    grouped.mapInArrow(gather, from_arrow_schema(schema())).write.parquet(f"{work}/rows")
    kept = spark.read.schema(from_arrow_schema(schema())).parquet(f"{work}/rows")
    summaries = kept.where(col("about").isNotNull()).select("about", "entered").collect()
    rejects = kept.where(col("reject").isNotNull()).select("reject.*", "line")
    records = sum(row.entered for row in summaries)
    patients = kept.where(col("patient").isNotNull()).select(
        *(f"patient.{name}" for name in published().names)
    )
    if found.broken is not None:
        found.broken.write.parquet(f"{work}/broken")
        broken = spark.read.schema(found.broken.schema).parquet(f"{work}/broken")
        rejects = rejects.unionByName(_broken(broken))
        records += broken.where(col("table") == "person").count()
        patients = _told(patients, broken)
    return Built(patients, rejects, records, _about([json.loads(row.about) for row in summaries], label))


def _packed(name: str, table: DataFrame) -> DataFrame:
    """The rows of a table as structs in a column of its name, beside whose they are."""
    from pyspark.sql.functions import struct

    return table.select(key(name, table).alias("key"), struct(*table.columns).alias(name))


def _broken(broken: DataFrame) -> DataFrame:
    """Lines of CSV that could not be taken apart; one of the table of persons is a patient nobody judges."""
    from pyspark.sql.functions import array, col, concat, lit, substring, when

    text = lit(None).cast("string")
    return broken.select(
        when(col("table") == "person", lit("")).alias("patient"),
        col("file"),
        col("table").alias("field"),
        lit("csv-line").alias("code"),
        concat(lit("a line of "), col("table"), lit(" cannot be taken apart; it is judged for nobody")).alias(
            "message"
        ),
        substring("text", 1, 80).alias("value"),
        text.alias("hint"),
        array().cast("array<string>").alias("also"),
        lit(False).alias("harmless"),
        lit(None).cast("long").alias("line"),
    )


def _told(patients: DataFrame, broken: DataFrame) -> DataFrame:
    """The patients, each with a problem where a line of CSV that names it was lost."""
    from pyspark.sql.functions import array_sort, coalesce, col, collect_set, concat, lit, struct

    if broken.isEmpty():
        return patients
    said = struct(
        lit("row-lost").alias("code"),
        lit(LOST).alias("message"),
        col("table").alias("path"),
        lit("").alias("value"),
    )
    whose = broken.where((col("table") != "person") & col("person").isNotNull())
    lost = whose.groupBy(col("person").alias("lost_of")).agg(collect_set(said).alias("lost"))
    joined = patients.join(lost, col("id") == col("lost_of"), "left")
    kind = patients.schema["problems"].dataType
    nothing = coalesce(col("lost").cast(kind), lit([]).cast(kind))
    problems = array_sort(concat(col("problems"), nothing)).alias("problems")
    return joined.select(*(problems if name == "problems" else col(name) for name in patients.columns))


def _vocabulary(
    spark: SparkSession, all_tables: dict[str, DataFrame], tables: dict[str, DataFrame]
) -> dict[str, bytes]:
    """What the rows use of the vocabulary, as Arrow: concepts, ingredients of medicines, strengths."""
    found = {name: _arrow(all_tables[name]) for name in ABOUT if name in all_tables}
    if "concept" in all_tables:
        drugs, used = _used(tables)
        for name, column in (
            ("concept_ancestor", "descendant_concept_id"),
            ("drug_strength", "drug_concept_id"),
        ):
            if name in all_tables:
                found[name] = _among(spark, all_tables[name], column, drugs)
                used |= _ids(found[name])
        found["concept"] = _among(spark, all_tables["concept"], "concept_id", used)
    return {name: _bytes(table) for name, table in found.items()}


_WHOLE: Final = "try_cast(trim(cast(`{}` AS string)) AS decimal(38, 0))"


def _used(tables: dict[str, DataFrame]) -> tuple[set[int], set[int]]:
    """The concepts of medicines, and all concepts, that the rows name."""
    from pyspark.sql.functions import array, col, explode, expr, lit

    named = []
    for table in tables.values():
        columns = [one for one in table.columns if one.endswith("concept_id")]
        for is_drug in (True, False):
            of_kind = [one for one in columns if (one == "drug_concept_id") == is_drug]
            if of_kind:
                cells = array(*(expr(_WHOLE.format(one)) for one in of_kind))
                named.append(table.select(explode(cells).alias("id"), lit(is_drug).alias("is_drug")))
    if not named:
        return set(), set()
    together = reduce(lambda a, b: a.union(b), named).where(col("id").isNotNull()).distinct()
    rows = together.collect()
    return {int(row.id) for row in rows if row.is_drug}, {int(row.id) for row in rows}


def _among(spark: SparkSession, table: DataFrame, column: str, wanted: set[int]) -> pa.Table:
    """The rows whose concept is wanted; all of them are sent where few are left."""
    from pyspark.sql.functions import broadcast, expr

    if column not in table.columns or not wanted:
        return _arrow(table.limit(0))
    ids = spark.createDataFrame([(Decimal(one),) for one in sorted(wanted)], "id decimal(38, 0)")
    return _arrow(table.join(broadcast(ids), expr(_WHOLE.format(column)) == ids["id"], "left_semi"))


def _ids(table: pa.Table) -> set[int]:
    """The concepts that rows of the vocabulary name."""
    found: set[int] = set()
    for name in table.column_names:
        if name.endswith("concept_id"):
            for value in table.column(name).unique().to_pylist():
                text = str(value).strip().removesuffix(".0")
                if text.isdigit():
                    found.add(int(text))
    return found


def _arrow(table: DataFrame) -> pa.Table:
    return table.toArrow()


def _bytes(found: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, found.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(found)
    return bytes(sink.getvalue())


def _about(parts: list[dict[str, Any]], label: str) -> dict[str, Any]:
    """What the partitions say of their tables, added up."""
    if not parts:
        return {"format": "OMOP CDM", "database": label, "patients": 0, "warnings": []}
    found = reduce(_added, parts)
    for share in found["unmapped"].values():
        share["share"] = round(share["unmapped"] / share["rows"], 6) if share["rows"] else None
        share.pop("commonest", None)
    absent = {name: why for name, why in found["rows"].items() if isinstance(why, str)}
    usable: dict[str, Any] = {found["drugs_from"]: None} if found["drugs_from"] else {}
    found["warnings"] = warnings(found, Tables(usable, absent))
    return {**found, "database": label}


def _added(one: Any, other: Any) -> Any:
    """Two summaries as one: numbers are added, all else is that of the first."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = dict.fromkeys((*one, *other))
        return {name: _added(one.get(name), other.get(name)) for name in names}
    if isinstance(one, bool) or isinstance(other, bool):
        return one
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    return other if one is None else one
