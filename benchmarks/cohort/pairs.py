"""Pair rules in DuckDB, polars and bare numpy: everyone starts from `flat`'s recognised current orders.

Each gives patient, rule number and the places of the two orders. None of them tells a pair whose dates
do not say whether the orders overlap, counts what was not recognised, carries severity, policy, reasons
or texts, or makes a row a patient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.cohort.flat import Flat
from benchmarks.neutral import PairRule

if TYPE_CHECKING:
    import polars as pl

Found = tuple[npt.NDArray[Any], ...]
_SHIFT = 4096
"""Above the number of any ingredient: two numbers in one key."""
COLUMNS = ("patient", "rule", "first", "second")

_SQL = f"""
SELECT a.patient, r.rule, a.nth AS first, b.nth AS second
FROM taken a JOIN taken b ON a.patient = b.patient AND a.nth < b.nth
JOIN pair_rules r
  ON r.key = least(a.ingredient, b.ingredient)::INT * {_SHIFT} + greatest(a.ingredient, b.ingredient)
WHERE (a.stop IS NULL OR b.start IS NULL OR a.stop >= b.start)
  AND (b.stop IS NULL OR a.start IS NULL OR b.stop >= a.start)
"""


def keys(rules: Sequence[PairRule], flat: Flat) -> pa.Table:
    """Each rule's number beside the key of its two ingredients, the lesser number first."""
    found = []
    for rule in rules:
        low, high = sorted((flat.numbers[rule.first], flat.numbers[rule.second]))
        found.append(low * _SHIFT + high)
    return pa.table({"key": pa.array(found, pa.int32()), "rule": pa.array(range(len(found)), pa.int32())})


def duck(rules: Sequence[PairRule], flat: Flat) -> Callable[[], pa.Table]:
    """Two orders of a patient, joined to the rules by one key: the faster of the ways to write it."""
    flat.connection.register("given", keys(rules, flat))
    flat.connection.execute("CREATE OR REPLACE TABLE pair_rules AS SELECT * FROM given")
    flat.connection.unregister("given")
    return lambda: flat.connection.execute(_SQL).to_arrow_table()


def frames(rules: Sequence[PairRule], flat: Flat) -> Callable[[], pl.DataFrame]:
    """The same joins in polars."""
    import polars as pl

    orders = pl.DataFrame(flat.table("taken")).select("patient", "nth", "ingredient", "start", "stop")
    looked_up = pl.DataFrame(keys(rules, flat))
    both = ("ingredient", "ingredient_right")
    low, high = pl.min_horizontal(*both), pl.max_horizontal(*both)
    query = (
        orders.lazy()
        .join(orders.lazy(), on="patient")
        .filter(
            pl.col("nth") < pl.col("nth_right"),
            (pl.col("stop") >= pl.col("start_right")).fill_null(True),
            (pl.col("stop_right") >= pl.col("start")).fill_null(True),
        )
        .with_columns(key=low.cast(pl.Int32) * _SHIFT + high.cast(pl.Int32))
        .join(looked_up.lazy(), on="key")
        .select("patient", "rule", pl.col("nth").alias("first"), pl.col("nth_right").alias("second"))
    )
    collect: Callable[[], pl.DataFrame] = query.collect
    return collect


def bare(rules: Sequence[PairRule], flat: Flat) -> Callable[[], Found]:
    """The prototype: patients with the same number of rows side by side, each two looked up in a table."""
    orders = flat.table("taken").sort_by([("patient", "ascending"), ("nth", "ascending")])
    patient = orders["patient"].to_numpy()
    nth = orders["nth"].to_numpy().astype(np.int16)
    ingredient = orders["ingredient"].to_numpy().astype(np.int32)
    starts, stops = (_days(orders[name], missing) for name, missing in (("start", -(2**30)), ("stop", 2**30)))
    # only ingredients that a rule is about have a row in the table
    used = sorted({name for rule in rules for name in (rule.first, rule.second)})
    small = np.full(_SHIFT, len(used), dtype=np.int32)
    small[[flat.numbers[name] for name in used]] = np.arange(len(used))
    place = {name: n for n, name in enumerate(used)}
    table = np.full((len(used) + 1, len(used) + 1), -1, dtype=np.int32)
    for number, rule in enumerate(rules):
        one, other = place[rule.first], place[rule.second]
        table[one, other] = table[other, one] = number
    width = len(used) + 1
    whole = table.ravel()

    def run() -> Found:
        codes = small[ingredient]
        first, counts = _runs(patient)
        parts: list[Found] = []
        for count in np.unique(counts):
            rows = first[counts == count]
            for one in range(count):
                left = codes[rows + one] * width
                for other in range(one + 1, count):
                    rule = whole[left + codes[rows + other]]
                    hit = np.flatnonzero(rule >= 0)
                    if len(hit):
                        at = rows[hit]
                        parts.append((at + one, at + other, rule[hit]))
        if not parts:
            return tuple(np.zeros(0, dtype=np.int32) for _ in COLUMNS)
        a, b, rule = (np.concatenate(column) for column in zip(*parts, strict=True))
        kept = (nth[a] != nth[b]) & (stops[a] >= starts[b]) & (stops[b] >= starts[a])
        a, b, rule = a[kept], b[kept], rule[kept]
        return patient[a], rule, nth[a], nth[b]

    return run


def _days(column: pa.ChunkedArray, missing: int) -> npt.NDArray[np.int32]:
    found: npt.NDArray[np.int32] = column.cast(pa.int32()).fill_null(missing).to_numpy()
    return found


def _runs(patient: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the rows of each patient begin, and how many there are."""
    first = np.flatnonzero(np.diff(patient, prepend=-1))
    return first, np.diff(first, append=len(patient))


def as_columns(found: Any) -> npt.NDArray[np.int64]:
    """What one of them found, as sorted rows without repeats, to be compared with another."""
    columns = found if isinstance(found, tuple) else [_column(found, name) for name in COLUMNS]
    rows = np.stack([np.asarray(column, dtype=np.int64) for column in columns], axis=1)
    return np.unique(rows, axis=0)


def _column(found: Any, name: str) -> npt.NDArray[Any]:
    column: npt.NDArray[Any] = found[name].to_numpy()
    return column
