"""The columnar evaluator past one machine: a DataFrame of patients in, findings out, through `mapInArrow`.

Rows are judged each for itself, so that any partitioning gives the same findings, and what a task
gives leaves it only as rows of its result: a task run twice, or two at once, counts once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from caveat.compile import portable
from caveat.compile.ruleset import Ruleset
from caveat.errors import InputError
from caveat.evaluators.screen import ordinal
from caveat.evaluators.spark import rows
from caveat.evaluators.spark.doubled import doubled_ids
from caveat.evaluators.spark.work import Judge, Tally, release
from caveat.facts.identify import Selection

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["NAME", "Screened", "conforming", "doubled_ids", "screen"]

NAME = "spark"


@dataclass(frozen=True, slots=True)
class Screened:
    """What a screening gave. Nothing is computed before Spark is asked for rows.

    Each of the DataFrames is computed anew when it is used, the judging with it: to use more than
    one, `store` them first, which judges once.
    """

    all: DataFrame
    """Every row of every kind, as `caveat.evaluators.spark.rows` has them."""

    @property
    def findings(self) -> DataFrame:
        """One row a rule and subject that was not cleared, as on one machine but for `row`."""
        return self._of("finding")

    @property
    def patients(self) -> DataFrame:
        """One row a patient that was screened, cleared or not."""
        return self._of("patient")

    @property
    def rejects(self) -> DataFrame:
        """One row a record that is no valid record, or on which the check failed: judged nowhere."""
        return self._of("reject")

    @property
    def entered(self) -> DataFrame:
        """One row a partition with records: how many its worker was given, however they ended."""
        return self._of("part")

    def store(self, folder: str) -> Screened:
        """The same results, judged once and written to a new folder as Parquet, read from there."""
        self.all.write.parquet(folder)
        return Screened(self.all.sparkSession.read.schema(self.all.schema).parquet(folder))

    def _of(self, kind: str) -> DataFrame:
        from pyspark.sql.functions import col

        return self.all.where(col("kind") == kind).select(f"{kind}.*")


def screen(
    dataframe: DataFrame,
    rules: Ruleset,
    *,
    as_of: str | dt.date,
    selection: Selection = "active",
    because: bool = False,
    doubled: Mapping[str, int] | None = None,
    tally: Callable[[], Tally] | None = None,
) -> Screened:
    """Everything the rules conclude about a DataFrame of patients on the day `as_of`.

    The columns are those of `caveat.columns.schema.patients`; one that is missing is unknown for
    every patient. The rules go to each executor once, as bytes. `doubled` are the ids that stand in
    several records, as `doubled_ids` finds them: their records are judged apart and none is clear;
    without it nobody looks for them. `tally` makes what counts the results
    of a partition, for `entered`. Raises InputError, before anything runs, for a column that does
    not fit, and DateError for a bad `as_of`. A record that is not valid never fails the job: it is
    a row of `rejects`.
    """
    day = ordinal(as_of)
    if selection not in get_args(Selection):
        raise InputError(
            f"there is no selection {selection!r}",
            code="selection",
            hint=f"One of: {', '.join(get_args(Selection))}",
        )
    conforming(dataframe)
    sent = dataframe.sparkSession.sparkContext.broadcast(portable.dumps(rules))
    several = dataframe.sparkSession.sparkContext.broadcast(dict(doubled)) if doubled else None
    judge = Judge(sent, day, selection, because, release(), tally, several)
    return Screened(dataframe.mapInArrow(judge, rows.spark_schema()))


def conforming(dataframe: DataFrame) -> None:
    """Raises InputError for a column that the published schema does not have or whose type does not fit."""
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructType

    from caveat.columns.check import conform

    zone = dataframe.sparkSession.conf.get("spark.sql.session.timeZone")
    for field in dataframe.schema.fields:
        try:
            to_arrow_schema(StructType([field]), timezone=zone)
        except PySparkException as error:
            raise InputError(
                f"the type {field.dataType.simpleString()} cannot go to Arrow ({error.getCondition()})",
                code="column-type",
                path=field.name,
                hint="Cast the column to the type that docs/columns.md gives it, or leave it out",
            ) from None
    conform(to_arrow_schema(dataframe.schema, timezone=zone).empty_table())
