"""Findings past one machine are those of one machine, however the records are spread and whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from caveat.errors import DateError, InputError
from caveat.evaluators.spark import Screened, screen
from spark import people

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return people.cohort()


@pytest.fixture(scope="module")
def expected(table: pa.Table, rules: Any) -> dict[str, list[str]]:
    found = people.alone(table, rules)
    assert len(found["finding"]) > 200
    assert len(found["reject"]) == len(people.BAD)
    return found


@pytest.fixture(scope="module")
def dataframe(spark: SparkSession, table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    """The cohort as a folder of Parquet files, as a platform has it."""
    folder = str(tmp_path_factory.mktemp("cohort") / "cohort.parquet")
    spark.createDataFrame(table).write.parquet(folder)
    return spark.read.parquet(folder)


def _rows(screened: Screened) -> dict[str, list[str]]:
    return people.sorted_rows(row.asDict(recursive=True) for row in screened.all.collect())


PARTITIONINGS: dict[str, Callable[[DataFrame], DataFrame]] = {
    "as read": lambda df: df,
    "one": lambda df: df.coalesce(1),
    "many": lambda df: df.repartition(12),
    "by a skewed key, most empty": lambda df: df.repartition(8, "sex"),
}


@pytest.mark.parametrize("spread", PARTITIONINGS)
def test_any_partitioning_gives_the_findings_of_one_machine(
    dataframe: DataFrame, rules: Any, expected: dict[str, list[str]], spread: str
) -> None:
    assert _rows(screen(PARTITIONINGS[spread](dataframe), rules, as_of=people.AS_OF)) == expected


def test_small_batches_and_the_deciding_facts(
    spark: SparkSession, dataframe: DataFrame, rules: Any, table: pa.Table
) -> None:
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    try:
        found = _rows(screen(dataframe, rules, as_of=people.AS_OF, because=True))
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert found == people.alone(table, rules, because=True)
    assert any('"fact": ' in line for line in found["finding"])


def test_a_task_that_fails_and_is_run_again_adds_nothing(
    dataframe: DataFrame, rules: Any, expected: dict[str, list[str]], tmp_path: Path
) -> None:
    """The first attempt at each partition dies after its first batch was judged and passed on."""
    marks = str(tmp_path)

    def dies_once(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        place = Path(marks) / f"partition-{TaskContext.get().partitionId()}"  # type: ignore[union-attr]
        first = not place.exists()
        for batch in batches:
            half = batch.num_rows // 2
            yield batch.slice(0, half)
            if first:
                place.touch()
                raise RuntimeError("this attempt is meant to fail")
            yield batch.slice(half)

    screened = screen(dataframe.repartition(3), rules, as_of=people.AS_OF)
    failing = Screened(screened.all.mapInArrow(dies_once, screened.all.schema))
    stored = failing.store(str(tmp_path / "results"))
    assert len(list(tmp_path.glob("partition-*"))) == 3
    assert _rows(stored) == expected
    assert sum(row.entered for row in stored.entered.collect()) == len(expected["patient"]) + len(
        expected["reject"]
    )


def test_stored_results_are_read_and_not_judged_again(
    dataframe: DataFrame, rules: Any, expected: dict[str, list[str]], tmp_path: Path
) -> None:
    stored = screen(dataframe, rules, as_of=people.AS_OF).store(str(tmp_path / "results"))
    findings = people.lines(row.asDict(recursive=True) for row in stored.findings.collect())
    assert findings == expected["finding"]
    assert stored.patients.count() == len(expected["patient"])
    assert {row.patient for row in stored.rejects.collect()} == {bad["id"] or "" for bad in people.BAD}
    assert "PythonMapInArrow" not in stored.findings._jdf.queryExecution().toString()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["id", "1 AS wieght"], "$.wieght: not a column of the schema"),
        (["id", "array(1, 2) AS orders"], "$.orders[]"),
        (["birth_date"], "there is no id column"),
        (["id", "interval 1 month AS age"], "the type interval month cannot go to Arrow"),
    ],
)
def test_columns_that_do_not_fit_are_refused_before_anything_runs(
    dataframe: DataFrame, rules: Any, columns: list[str], message: str
) -> None:
    with pytest.raises(InputError) as raised:
        screen(dataframe.selectExpr(*columns), rules, as_of=people.AS_OF)
    assert message in str(raised.value)


def test_columns_of_other_types_are_read(spark: SparkSession, rules: Any) -> None:
    """Dates as dates, whole numbers, columns in any order, some not there, one of the site's own."""
    dataframe = spark.sql(
        "SELECT 'female' AS sex, date'1950-02-03' AS birth_date, 7 AS x_ward, 17 AS id, "
        "array(named_struct('text', 'baclofen 10 mg tablet')) AS orders, "
        "named_struct('value', named_struct('value', cast(24 AS decimal(6, 2)), 'unit', 'mL/min'), "
        "'at', timestamp'2026-01-10 08:00:00') AS creatinine_clearance"
    )
    rows = [row.asDict(recursive=True) for row in screen(dataframe, rules, as_of=people.AS_OF).all.collect()]
    fired = {row["finding"]["rule"] for row in rows if row["finding"] and row["finding"]["status"] == "fires"}
    assert "baclofen.renal.crcl-below-30" in fired
    assert [row["patient"]["patient"] for row in rows if row["patient"]] == ["17"]


def test_other_arguments_are_refused_at_once(dataframe: DataFrame, rules: Any) -> None:
    with pytest.raises(DateError):
        screen(dataframe, rules, as_of="2026-01")
    with pytest.raises(InputError, match=r"no selection 'all'\. One of: active, overlapping, ever"):
        screen(dataframe, rules, as_of=people.AS_OF, selection="all")  # type: ignore[arg-type]
