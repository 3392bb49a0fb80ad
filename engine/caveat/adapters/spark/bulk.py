"""Bulk Data and native NDJSON grouped by patient in Spark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from caveat.adapters.spark import lines
from caveat.adapters.spark.built import Built, sent
from caveat.adapters.spark.people import Gather
from caveat.columns.schema import patients as published
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import to_json

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PLACE = ("file", "block", "line")
MOST_FOR_ALL = 1_000
"""Lines that concern every patient, of which no more are read: each patient shows 200 of them at most."""


def fhir(
    spark: SparkSession,
    paths: str | Sequence[str],
    *,
    work: str,
    terminology: Terminology | None = None,
    partitions: int | None = None,
) -> Built:
    """The patients of a Bulk Data export, or of native records, one JSON object a line, .gz too.

    The same facts as `caveat.adapters.read_records` gives for the files. What a line says it is
    decides; types need not be sorted by patient. The input is read once, at once: its lines, cut
    to the fields that are read, are written to `work`, a new folder that every worker reaches.
    `terminology` says which observations any concept knows; others are only counted, and with None
    all are kept. `partitions` are those of the result, by default as Spark is set.
    """
    from pyspark.sql.functions import col
    from pyspark.sql.pandas.types import from_arrow_schema

    given = [paths] if isinstance(paths, str) else list(paths)
    text = (spark.read.option("lineSep", "\n").option("recursiveFileLookup", "true").text(given)).selectExpr(
        "cast(value as binary) value", "_metadata.file_path file", "_metadata.file_block_start block"
    )
    found = text.mapInArrow(lines.read, from_arrow_schema(lines.schema()))
    found.write.parquet(work)
    kept = spark.read.schema(found.schema).parquet(work)
    owned = _owned(kept)
    for_all = kept.where(col("role") == lines.FOR_ALL).orderBy(*PLACE).limit(MOST_FOR_ALL)
    everyone = [(str(row.file), bytes(row.data)) for row in for_all.select("file", "data").collect()]
    gather = Gather(
        sent(spark, to_json(terminology)) if terminology is not None else None,
        sent(spark, everyone) if everyone else None,
    )
    columns = ("owner", *PLACE, "data")
    whole = _with_shared(kept, owned).select(*columns)
    spread = whole.repartition(partitions, "owner") if partitions else whole.repartition("owner")
    grouped = spread.sortWithinPartitions("owner", *PLACE)
    resources = owned.where(col("role") != lines.NATIVE).select("owner").distinct().count()
    records = owned.where(col("role") == lines.NATIVE).count()
    return Built(
        grouped.mapInArrow(gather, from_arrow_schema(published())),
        _rejects(kept),
        resources + records,
        {"reader": "lines", "patients": resources + records, "bulk": resources, "native": records},
    )


def _owned(kept: DataFrame) -> DataFrame:
    """Every line of a patient; those that name one by an identifier have found whose it is."""
    from pyspark.sql.functions import coalesce, col, explode, min_by, struct

    mine = kept.where(col("role").isin(lines.PATIENT, lines.THEIRS, lines.NATIVE))
    by_name = col("owner").startswith("Patient?") | col("owner").startswith("urn:")
    if mine.where(by_name & (col("role") == lines.THEIRS)).isEmpty():
        return mine
    aliases = (
        mine.where(col("role") == lines.PATIENT)
        .select(explode("names").alias("name"), col("owner").alias("whose"), struct(*PLACE).alias("place"))
        .groupBy("name")
        .agg(min_by("whose", "place").alias("whose"))
    )
    resolved = (
        mine.where(by_name)
        .join(aliases, col("owner") == col("name"), "left")
        .withColumn("owner", coalesce("whose", "owner"))
        .drop("name", "whose")
    )
    return mine.where(~by_name).unionByName(resolved)


def _with_shared(kept: DataFrame, owned: DataFrame) -> DataFrame:
    """The lines, and to each patient those of the medicines its orders refer to, and what these refer to."""
    from pyspark.sql.functions import col, explode

    shared = kept.where(col("role") == lines.COMMON)
    if shared.isEmpty():
        return owned
    named = shared.select(explode("names").alias("name"), *PLACE, "refs", "data")

    def referred(holders: DataFrame) -> DataFrame:
        needs = holders.select("owner", explode("refs").alias("name")).distinct()
        return needs.join(named, "name").select("owner", *PLACE, "refs", "data")

    columns = ("owner", *PLACE, "refs", "data")
    medicines = referred(owned)
    return owned.select(*columns).unionByName(medicines).unionByName(referred(medicines))


def _rejects(kept: DataFrame) -> DataFrame:
    """What was set aside, with the line of its file: lines in the blocks before it are added.

    A file that is not read by line is set aside once, whatever its later blocks hold.
    """
    from pyspark.sql import Window
    from pyspark.sql.functions import coalesce, col, lit, when
    from pyspark.sql.functions import min as least
    from pyspark.sql.functions import sum as total

    before = Window.partitionBy("file").orderBy("block").rowsBetween(Window.unboundedPreceding, -1)
    blocks = kept.where(col("role") == lines.BLOCK).select("file", "block", col("line").alias("lines"))
    starts = blocks.select("file", "block", coalesce(total("lines").over(before), lit(0)).alias("first"))
    least_line = least("line").over(Window.partitionBy("file"))
    set_aside = (
        kept.where(col("role") == lines.REJECT)
        .select("file", "block", "line", "reject", least_line.alias("least"))
        .where((col("line") == 0) | (col("least") > 0))
    )
    number = when(col("line") > 0, col("first") + col("line"))
    placed = set_aside.join(starts, ["file", "block"], "left").withColumn("line", number)
    return placed.select("reject.*", "line")
