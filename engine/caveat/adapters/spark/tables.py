"""OMOP tables as DataFrames: found by the names of their files, read with nothing lost."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.omop.layout import CLINICAL, TABLES
from caveat.adapters.omop.place import FORMATS
from caveat.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BROKEN: Final = "_caveat_broken"


@dataclass(frozen=True, slots=True)
class Read:
    """The tables of a database, and lines of CSV that could not be taken apart.

    Of each: its table, file and text, and the person it names, or null.
    """

    tables: dict[str, DataFrame]
    broken: DataFrame | None


def tables_among(files: Iterable[str]) -> dict[str, list[str]]:
    """Files by the table they belong to: `person.csv`, or any in a folder `person` or `person.parquet`."""
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        segments = file.lower().split("/")
        ending = next((one for one in FORMATS if segments[-1].endswith(one)), "")
        if not ending or segments[-1].startswith((".", "_")):
            continue
        names = [segments[-1].removesuffix(ending)]
        if len(segments) > 1:
            folder = next((one for one in FORMATS if segments[-2].endswith(one)), "")
            names.append(segments[-2].removesuffix(folder))
        table = next((name for name in names if name in TABLES), None)
        if table is not None:
            found.setdefault(table, []).append(file)
    return found


def read(spark: SparkSession, source: str | Mapping[str, DataFrame]) -> Read:
    """The tables of a folder, or those given by name. InputError without a usable person table."""
    broken: list[DataFrame] = []
    if isinstance(source, str):
        listed = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(source)
        files = tables_among(row.path for row in listed.select("path").collect())
        found = {name: _read(spark, name, paths, broken) for name, paths in files.items()}
        label = source
    else:
        found = {name.lower(): table for name, table in source.items() if name.lower() in TABLES}
        label = "tables"
    if "person" not in found or "person_id" not in (name.lower() for name in found["person"].columns):
        raise InputError(
            "no table person with a column person_id: without it there are no patients",
            code="table-missing",
            source=label,
            path="person.person_id",
            hint=f"Looked for person with any of {', '.join(FORMATS)}, in any case",
        )
    whole: DataFrame | None = None
    for one in broken:
        whole = one if whole is None else whole.unionByName(one)
    return Read({name: _known(name, table) for name, table in found.items()}, whole)


def _read(spark: SparkSession, name: str, files: list[str], broken: list[DataFrame]) -> DataFrame:
    packed = [file.lower().endswith(".parquet") for file in files]
    if any(packed) and not all(packed):
        raise InputError("a table of files of several formats", code="table-mixed", source=files[0])
    if all(packed):
        return spark.read.option("mergeSchema", "true").parquet(*files)
    return _csv(spark, name, files, broken)


def _csv(spark: SparkSession, name: str, files: list[str], broken: list[DataFrame]) -> DataFrame:
    """All columns as text; lines that cannot be taken apart go to `broken`."""
    from pyspark.sql.functions import col, expr, lit
    from pyspark.sql.types import StringType, StructField, StructType

    heads = {file: _header(spark, file) for file in files}
    separators = {_separator(name, head) for head in heads.values()}
    columns = [_cells(head, next(iter(separators))) for head in heads.values()]
    if len(separators) > 1 or any(one != columns[0] for one in columns):
        raise InputError("the files of one table have different headers", code="table-mixed", source=files[0])
    separator = separators.pop()
    quote = "" if separator == "\t" and '"' not in next(iter(heads.values())) else '"'
    schema = StructType([StructField(one, StringType()) for one in (*columns[0], _BROKEN)])
    found = (
        spark.read.schema(schema)
        .option("header", "true")
        .option("sep", separator)
        .option("quote", quote)
        .option("escape", quote or "\0")
        .option("multiLine", "true")
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", _BROKEN)
        .csv(files)
    )
    # Spark reads no column of broken lines alone: the first cell is asked for too, and nothing of it kept.
    text = expr(f"concat({_BROKEN}, coalesce(substring(`{columns[0][0]}`, 1, 0), ''))")
    file = col("_metadata.file_path").alias("file")
    whole = found.select(lit(name).alias("table"), file, text.alias("text")).where(col("text").isNotNull())
    whose = lit(None).cast("string")
    if "person_id" in columns[0]:
        cell = f"split(text, '[{separator}]')[{columns[0].index('person_id')}]"
        whose = expr(f"cast(try_cast(trim(BOTH ' \"' FROM {cell}) AS decimal(38, 0)) AS string)")
    broken.append(whole.withColumn("person", whose))
    return found.where(col(_BROKEN).isNull()).drop(_BROKEN)


def _header(spark: SparkSession, file: str) -> str:
    first = spark.read.option("lineSep", "\n").text(file).first()
    return str(first[0] if first is not None else "").removeprefix("\ufeff").rstrip("\r")


def _cells(head: str, separator: str) -> list[str]:
    cells = [
        cell.strip().strip('"').strip().lower() for cell in next(csv.reader([head], delimiter=separator), [])
    ]
    return [
        cell if cell and cell not in cells[:place] else f"{cell or 'column'}#{place}"
        for place, cell in enumerate(cells)
    ]


def _separator(name: str, head: str) -> str:
    known = TABLES[name].columns
    return max(",\t;|", key=lambda one: sum(cell in known for cell in _cells(head, one)))


def _known(name: str, table: DataFrame) -> DataFrame:
    """The columns that are read, under lower-case names; moments without a zone, as of UTC."""
    from pyspark.sql.functions import col, convert_timezone, lit
    from pyspark.sql.types import TimestampNTZType, TimestampType

    layout = TABLES[name]
    wanted: dict[str, Any] = {}
    for field in table.schema.fields:
        bare = field.name.lower()
        if bare not in layout.columns or bare in wanted:
            continue
        column = col(f"`{field.name}`")
        if isinstance(field.dataType, TimestampType):
            column = convert_timezone(None, lit("UTC"), column.cast(TimestampNTZType()))
        wanted[bare] = column.alias(bare)
    return table.select(*wanted.values())


def key(name: str, table: DataFrame) -> Any:
    """The person of a row as text that is the same in every table, however the table writes numbers."""
    from pyspark.sql.functions import expr, lit

    if "person_id" not in table.columns:
        return lit("")
    assert name in CLINICAL
    whole = "try_cast(trim(cast(person_id AS string)) AS decimal(38, 0))"
    return expr(f"coalesce(cast({whole} AS string), '')")
