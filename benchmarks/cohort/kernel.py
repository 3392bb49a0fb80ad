"""caveat's columnar evaluator: what is timed, and its alerts in the form the peers give theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.cohort.generate import batches
from benchmarks.cohort.settings import AS_OF, Shares
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.columnar import Columnar


class Seen(NamedTuple):
    """What one pass over a cohort gave."""

    patients: int
    statuses: Counter[str]
    one_by_one: int


def cohort(patients: int, shares: Shares, *, size: int, seed: int = 1) -> list[pa.RecordBatch]:
    """The batches of a generated cohort, each in memory of its own."""
    return list(batches(patients, seed=seed, shares=shares, size=size))


def screening(ruleset: Ruleset, cohort: Sequence[pa.RecordBatch]) -> Callable[[], None]:
    """One pass over the batches; findings are made and let go."""
    prepared = Columnar(ruleset, as_of=AS_OF)

    def run() -> None:
        for batch in cohort:
            prepared.screen(batch)

    return run


def seen(ruleset: Ruleset, cohort: Sequence[pa.RecordBatch]) -> Seen:
    """What a pass gives: findings by status, and how many patients were judged one at a time."""
    prepared = Columnar(ruleset, as_of=AS_OF)
    statuses: Counter[str] = Counter()
    patients = one_by_one = 0
    for batch in cohort:
        found = prepared.screen(batch)
        for entry in pc.value_counts(found.findings["status"]).to_pylist():
            statuses[entry["values"]] += entry["counts"]
        patients += batch.num_rows
        one_by_one += found.one_by_one
    return Seen(patients, statuses, one_by_one)


def alerts(
    ruleset: Ruleset, cohort: Sequence[pa.RecordBatch], rules: Sequence[str], *, unordered: bool
) -> npt.NDArray[np.int64]:
    """Patient, number of the rule and the places of the orders (-1: none) of every finding that fires.

    Patients count on from batch to batch. Findings of other rules are left out. `unordered` puts the
    lesser order first, as pair rules without a side are compared.
    """
    prepared = Columnar(ruleset, as_of=AS_OF)
    numbers = pa.array(rules, pa.string())
    parts, first = [], 0
    for batch in cohort:
        found = prepared.screen(batch).findings
        rule = pc.index_in(found["rule"].cast(pa.string()), numbers)
        fires = pc.equal(found["status"].cast(pa.string()), "fires")
        kept = found.append_column("number", rule).filter(pc.and_(fires, pc.is_valid(rule)))
        one, other = (_place(kept["orders"], nth) for nth in (0, 1))
        if unordered:
            one, other = np.minimum(one, other), np.maximum(one, other)
        columns = (kept["row"].to_numpy() + first, kept["number"].to_numpy(), one, other)
        parts.append(np.stack([np.asarray(column, dtype=np.int64) for column in columns], axis=1))
        first += batch.num_rows
    return np.unique(np.concatenate(parts), axis=0)


def _place(orders: Any, nth: int) -> npt.NDArray[np.int64]:
    """The place that is in the id of the nth order; -1 where there is none."""
    counts = np.asarray(pc.fill_null(pc.list_value_length(orders), 0))
    begin = np.cumsum(counts) - counts
    places = np.asarray(pc.utf8_slice_codeunits(orders.flatten(), 1).cast(pa.int64()), dtype=np.int64)
    found = np.full(len(counts), -1, dtype=np.int64)
    there = counts > nth
    found[there] = places[begin[there] + nth]
    return found
