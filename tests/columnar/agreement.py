"""What a batch gives, and what the same patients give one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import caveat
from caveat.columns.records import to_batch
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.columnar import Columnar, Screened
from caveat.evaluators.columnar.onebyone import finding_rows, patient_row
from caveat.facts.identify import Selection
from caveat.facts.patient import Patient


def numbered(records: Sequence[Patient]) -> list[Patient]:
    """The patients under ids of their own."""
    return [record.model_copy(update={"id": f"p{place}"}) for place, record in enumerate(records)]


def differences(
    records: Sequence[Patient],
    rules: Ruleset,
    day: str,
    *,
    selection: Selection = "active",
    because: bool = False,
    evaluator: str = "reference",
) -> tuple[list[str], Screened]:
    """Where the columns say anything else than one record at a time."""
    batch = to_batch(records)
    screened = Columnar(rules, as_of=day, selection=selection, because=because).screen(batch)
    return compare(
        screened, records, rules, day, selection=selection, because=because, evaluator=evaluator
    ), screened


def compare(
    screened: Screened,
    records: Sequence[Patient],
    rules: Ruleset,
    day: str,
    *,
    selection: Selection = "active",
    because: bool = False,
    evaluator: str = "reference",
) -> list[str]:
    """Where what was screened differs from the patients one at a time."""
    by_row: dict[int, list[dict[str, Any]]] = {}
    for row in screened.findings.to_pylist():
        by_row.setdefault(row["row"], []).append(row)
    rows = screened.patients.to_pylist()
    assert len(rows) == len(records)
    found = []
    for place, record in enumerate(records):
        report = caveat.screen(record, rules, as_of=day, evaluator=evaluator, selection=selection)
        wanted = finding_rows(report, place, because=because)
        person = patient_row(report, record.source, rows[place]["uncovered"])
        if wanted != by_row.get(place, []) or person != rows[place]:
            told = [
                *(f"not found: {row}" for row in wanted if row not in by_row.get(place, [])),
                *(f"found: {row}" for row in by_row.get(place, []) if row not in wanted),
                *(
                    f"{k}: {person[k]} against {rows[place][k]}"
                    for k in person
                    if person[k] != rows[place][k]
                ),
            ]
            found.append(f"patient {place}: " + "\n".join(told or ["another order"]) + f"\n{record!r}"[:2000])
    return found


def findings(screened: Screened, first: int = 0) -> list[dict[str, Any]]:
    """The findings, rows counted from `first`."""
    return [{**row, "row": row["row"] + first} for row in screened.findings.to_pylist()]
