"""Records judged one at a time, brought back among the findings of the batch."""

from __future__ import annotations

import datetime as dt
from typing import Any

from caveat.columns.rows import Rows
from caveat.columns.schema import patients as schema
from caveat.evaluators.columnar import results
from caveat.evaluators.columnar.facts import Facts
from caveat.evaluators.columnar.onebyone import names_of_missing
from caveat.evaluators.columnar.parts import NOBODY, Note, Part, Words
from caveat.evaluators.columnar.plan import Plan
from caveat.evaluators.columnar.whole import Whole, allergy_ids
from caveat.evaluators.screen import screen
from caveat.findings.report import Finding
from caveat.findings.severity import Status


def judged_alone(rows: Any, facts: Facts, plan: Plan, words: Words, whole: Whole) -> Part:
    """The findings of some rows; what their reports say of the record goes into `whole`."""
    import numpy as np
    import pyarrow as pa

    records = Rows(facts.batch.take(pa.array(rows)).cast(schema()))
    day = dt.date.fromordinal(facts.as_of)
    columns: list[tuple[int, ...]] = []
    for place, row in enumerate(rows.tolist()):
        patient = records.patient(place)
        report = screen(patient, plan.rules, as_of=day, selection=facts.selection)
        whole.tell(row, report)
        base = int(facts.orders.lists.starts[row])
        orders = {order.id: base + k for k, order in enumerate(patient.orders or ())}
        for finding in report.findings:
            columns.append(_numbers(finding, row, orders, facts, plan, words))
    table = np.array(columns, np.int64).reshape(-1, len(Part.__dataclass_fields__))
    return Part(*table.T)


def _numbers(
    finding: Finding, row: int, orders: dict[str, int], facts: Facts, plan: Plan, words: Words
) -> tuple[int, ...]:
    """A finding as `Part` has it."""
    number = plan.labels.number
    ids = [orders[order] for order in finding.orders] + [NOBODY, NOBODY]
    open_ = finding.status is Status.CANNOT_ASSESS
    words.told.append(finding)
    note = Note(
        words.number(tuple(names_of_missing(finding)) if open_ else ()),
        words.number(tuple([one.id for one in finding.unchecked])),
        len(words.told) - 1,
        NOBODY if finding.suppressed_by is None else number[finding.suppressed_by],
    )
    return (
        row,
        number[finding.rule.id],
        ids[0],
        ids[1],
        _allergy(finding, row, facts),
        results.STATUSES.index(finding.status.value),
        words.note(note),
    )


def _allergy(finding: Finding, row: int, facts: Facts) -> int:
    """The entry of the allergy list."""
    import numpy as np

    if not finding.allergies:
        return NOBODY
    allergies = facts.allergies
    places = np.arange(int(allergies.lists.starts[row]), int(allergies.lists.starts[row + 1]))
    places = places[~allergies.refuted[places]]
    return int(places[allergy_ids(facts, places).index(finding.allergies[0])])
