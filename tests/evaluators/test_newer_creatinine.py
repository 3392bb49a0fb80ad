"""A reported eGFR is passed over for a creatinine of a later day, as a measured clearance is."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from caveat.compile.ruleset import load
from caveat.evaluators.screen import ordinal
from caveat.facts import quick
from caveat.facts.chart import Chart
from caveat.facts.numbers import in_unit, number
from caveat.facts.patient import Patient

EGFR = "75 mL/min/{1.73_m2}"


def found(**given: Any) -> tuple[Fraction | None, Chart]:
    observations = [
        {"concept": "egfr", "value": EGFR, "at": given.pop("egfr_at", "2026-01-05")},
        {
            "concept": "serum_creatinine",
            "value": given.pop("creatinine", "3 mg/dL"),
            "at": given.pop("at", "2026-05-20"),
        },
    ]
    patient = Patient(**({"id": "p", "age": "60 a", "sex": "male", "observations": observations} | given))
    chart = Chart(patient, load().terminology, as_of=ordinal("2026-06-01"))
    interval = in_unit(number(chart, "egfr", "actual", "latest", 365), "mL/min/{1.73_m2}").interval
    return (None if interval is None else interval.exact), chart


def test_the_creatinine_of_a_later_day_counts() -> None:
    value, chart = found()
    assert value is not None
    assert round(float(value), 1) == 23.1
    assert quick.egfr(chart, 365) is None


@pytest.mark.parametrize(
    "given",
    [
        {"at": "2026-01-05"},
        {"at": "2026-01-04"},
        {"at": "2026-01"},
        {"age": None},
        {"at": "2026-07-01"},
    ],
    ids=["same-day", "earlier", "perhaps-earlier", "no-estimate", "after-the-day-asked-about"],
)
def test_else_the_reported_one_stands(given: dict[str, Any]) -> None:
    assert found(**given)[0] == 75


def test_a_reported_one_past_its_time_leaves_the_creatinine() -> None:
    value, _ = found(egfr_at="2024-01-05", at="2025-12-01", creatinine="1 mg/dL")
    assert value is not None
    assert value > 80
