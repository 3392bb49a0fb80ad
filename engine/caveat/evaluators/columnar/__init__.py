"""The columnar evaluator: a batch of patients in, a batch of findings out.

A pure function of the batch, the rules and the day: another batch size, order of rows or number
of partitions gives the same findings.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from caveat.compile.ruleset import Ruleset
from caveat.evaluators.screen import ordinal
from caveat.facts.identify import Selection

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "columnar"


@dataclass(frozen=True, slots=True)
class Screened:
    """What a batch gave: `findings` and `patients` as `results` has them.

    `one_by_one` is how many rows were judged one at a time, because something in them is not
    plain: the answer is the same, only slower. `uncovered` counts the current orders of each
    ingredient that no rule is about.
    """

    findings: pa.RecordBatch
    patients: pa.RecordBatch
    one_by_one: int
    uncovered: dict[str, int]


class Columnar:
    """Prepared once for a ruleset and a day; holds no state of any record."""

    name = NAME

    def __init__(
        self,
        rules: Ruleset,
        *,
        as_of: str | dt.date | int,
        selection: Selection = "active",
        because: bool = False,
    ) -> None:
        from caveat.evaluators.columnar.plan import Plan

        self.rules = rules
        self.as_of = ordinal(as_of)
        self.selection: Selection = selection
        self.because = because
        self._plan = Plan(rules)

    def screen(self, batch: pa.RecordBatch) -> Screened:
        """Findings and one row a patient, both in the order of the batch.

        `batch` is in the schema of `caveat.columns.schema.patients` and its rows are valid records:
        `caveat.adapters.cohort.tables.checked` sets the others aside.
        """
        from caveat.evaluators.columnar.screening import screened

        return screened(batch, self._plan, self.as_of, self.selection, because=self.because)


def screen(
    batch: pa.RecordBatch,
    rules: Ruleset,
    *,
    as_of: str | dt.date,
    selection: Selection = "active",
    because: bool = False,
) -> Screened:
    """Everything the rules conclude about a batch of patients on the day `as_of`.

    `because` adds the facts that decided each finding, which costs far more than the finding does.
    Raises DateError for a bad `as_of`.
    """
    return Columnar(rules, as_of=as_of, selection=selection, because=because).screen(batch)
