"""What a builder gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import DataFrame, SparkSession

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Built:
    """`patients` in the published schema, one row a patient, and `rejects`: what was set aside, and where.

    `rejects` has the columns of a run's rejects; `patient` is null unless a whole record is rejected.
    `records` is how many patients there are, counted before they are put together. `about` is what a
    manifest says of the source.
    """

    patients: DataFrame
    rejects: DataFrame
    records: int
    about: dict[str, Any]


def sent(spark: SparkSession, value: T) -> Broadcast[T]:
    """The value, sent to each executor once."""
    return spark.sparkContext.broadcast(value)
