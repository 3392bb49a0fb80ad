"""The columnar evaluator: a batch of patients in, a batch of findings out.

A pure function of the batch, the rules and the day: another batch size, order of rows or number
of partitions gives the same findings.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from caveat.columns.records import to_patient
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.columnar import results
from caveat.evaluators.columnar.onebyone import finding_rows, patient_row
from caveat.evaluators.screen import ordinal
from caveat.evaluators.screen import screen as screen_one
from caveat.facts.identify import Selection

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "columnar"


@dataclass(frozen=True, slots=True)
class Screened:
    """What a batch gave: `findings` and `patients` as `results` has them.

    `one_by_one` is how many rows were judged one at a time, because something in them is not
    plain: the answer is the same, only slower.
    """

    findings: pa.RecordBatch
    patients: pa.RecordBatch
    one_by_one: int


class Columnar:
    """Prepared once for a ruleset and a day; holds no state of any record."""

    def __init__(
        self,
        rules: Ruleset,
        *,
        as_of: str | dt.date | int,
        selection: Selection = "active",
        because: bool = False,
    ) -> None:
        self.rules = rules
        self.as_of = ordinal(as_of)
        self.selection: Selection = selection
        self.because = because

    def screen(self, batch: pa.RecordBatch) -> Screened:
        """Findings and one row a patient, both in the order of the batch.

        `batch` is in the schema of `caveat.columns.schema.patients` and its rows are valid records:
        `caveat.columns.check` sets the others aside.
        """
        import pyarrow as pa

        found, screened = [], []
        for row in range(batch.num_rows):
            patient = to_patient(batch, row)
            report = screen_one(
                patient, self.rules, as_of=dt.date.fromordinal(self.as_of), selection=self.selection
            )
            found += finding_rows(report, row, because=self.because)
            screened.append(patient_row(report, patient.source))
        return Screened(
            pa.RecordBatch.from_pylist(found, schema=results.findings()),
            pa.RecordBatch.from_pylist(screened, schema=results.patients()),
            batch.num_rows,
        )


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
