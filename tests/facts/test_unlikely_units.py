"""A result that is unlikely in the unit it was written in, and likely in another, is no fact."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest

import caveat
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.facts.observed import latest
from caveat.facts.patient import Patient
from caveat.facts.quick import latest as quick_latest
from caveat.units.conversion import MOLAR_MASS
from columnar.agreement import differences

DAY = "2026-01-15"


@lru_cache(maxsize=1)
def rules() -> Ruleset:
    return caveat.load()


def chart(concept: str, value: Any) -> Chart:
    observation = {"concept": concept, "value": value, "at": "2026-01-10"}
    patient = Patient.model_validate({"id": "p", "observations": [observation]})
    return Chart(patient, rules().terminology, as_of=ordinal(DAY))


@pytest.mark.parametrize(
    ("concept", "value"),
    [
        ("sodium", "140 mg/dL"),  # 61 mmol/L
        ("sodium", "140 mg/L"),
        ("calcium", "2.4 mg/dL"),  # 0.6 mmol/L
        ("calcium", "1.2 mg/dL"),
        ("corrected_calcium", "2.3 mg/dL"),
        ("serum_creatinine", "15 umol/L"),
        ("albumin", "4.2 g/L"),  # the same kind of unit, ten times as much
        ("albumin", "60 umol/L"),
    ],
)
def test_it_is_noted_and_unknown(concept: str, value: str) -> None:
    seen = chart(concept, value)
    found = latest(seen, concept)
    assert found.interval is None
    codes = [one.code for one in seen.notes] + [one.code for one in seen.problems]
    assert codes in (["implausible-value"], ["impossible-value"])
    if codes == ["implausible-value"]:
        assert found.missing[0].reason == f"{value} is unlikely, the unit may be wrong"
        assert "its unit may be wrong, so it was not used" in seen.notes[0].message


@pytest.mark.parametrize(
    ("concept", "value"),
    [
        ("potassium", "4.2 meq/L"),
        ("sodium", "140 meq/L"),
        ("sodium", "322 mg/dL"),
        ("calcium", "9.6 mg/dL"),
        ("calcium", "4.8 meq/L"),
        ("serum_creatinine", "124 umol/L"),
        ("serum_creatinine", "0.14 mmol/L"),
        ("bilirubin_total", "17 umol/L"),
        ("albumin", "42 g/L"),
        ("albumin", "4.2 g/dL"),
        ("weight", "154 [lb_av]"),
        ("weight", "3400 g"),
        ("height", "1.72 m"),
        ("body_temperature", "98.6 [degF]"),
    ],
)
def test_another_unit_that_fits_is_a_fact(concept: str, value: str) -> None:
    seen = chart(concept, value)
    assert latest(seen, concept).interval is not None
    assert seen.notes == []


@pytest.mark.parametrize("value", ["4.2 mg/dL", "6.5 mg/dL", "16.4 mg/dL", "0.16 g/L"])
def test_potassium_as_a_mass_is_not_used(value: str) -> None:
    """6.5 mg/dL would be 1.7 mmol/L, which may be; more often 6.5 mmol/L is meant."""
    seen = chart("potassium", value)
    unit = value.split()[1]
    assert latest(seen, "potassium").missing[0].reason == (
        f"{value}: {unit} is no unit of potassium, which is measured in mmol/L: "
        "the number may be right and the unit wrong"
    )
    assert (seen.notes, seen.problems) == ([], [])


@pytest.mark.parametrize("value", ["10.5 mmol/L", "10.5 meq/L", "1.2 mmol/L"])
def test_an_unlikely_value_in_the_usual_unit_is_still_a_fact(value: str) -> None:
    """A potassium of 10.5 mmol/L may be true, and must not be hidden."""
    seen = chart("potassium", value)
    interval = latest(seen, "potassium").interval
    assert interval is not None
    assert [one.code for one in seen.notes] == ["implausible-value"]


def test_every_analyte_with_a_molar_mass_has_limits() -> None:
    terminology = rules().terminology
    for name in terminology.ids("observation"):
        concept = terminology.observation(name)
        if concept.analyte:
            assert concept.analyte in MOLAR_MASS
            assert None not in concept.plausible


def record(value: str, concept: str = "potassium", at: str = "2026-01-10") -> Patient:
    orders = [
        {"id": "o3", "text": "hydrochlorothiazide 25 mg tablet", "status": "active"},
        {"id": "o1", "text": "spironolactone 25 mg tablet", "status": "active"},
        {"id": "o2", "text": "lisinopril 10 mg tablet", "status": "active"},
    ]
    return Patient.model_validate(
        {
            "id": "p",
            "age": "70 a",
            "sex": "female",
            "orders": orders,
            "conditions": [],
            "allergies": [],
            "observations": [
                {"concept": concept, "value": value, "at": at},
                {"concept": "egfr", "value": "80 mL/min/{1.73_m2}", "at": at},
            ],
        }
    )


RULE = "potassium-sparing.raas.severe"


@pytest.mark.parametrize("evaluator", ["reference", "inprocess"])
def test_a_rule_that_asks_for_it_cannot_be_assessed(evaluator: str) -> None:
    for value, alerts, opens in (("5.9 mmol/L", True, False), ("5.9 mg/dL", False, True)):
        report = caveat.screen(record(value), rules(), as_of=DAY, evaluator=evaluator)
        assert (RULE in {one.rule.id for one in report.alerts}) is alerts
        assert (RULE in {one.rule.id for one in report.cannot_assess}) is opens
        assert not report.is_clear


def test_the_quick_way_does_not_take_it() -> None:
    assert quick_latest(chart("potassium", "4.2 mg/dL"), "potassium", "mmol/L", "potassium", None) is None


def test_columns_say_the_same() -> None:
    values = ("4.2 mg/dL", "5.9 mg/dL", "5.9 mmol/L", "10.5 mmol/L", "10.5 meq/L", "16.4 mg/dL", "23 mg/dL")
    records = [record(value) for value in values]
    records += [record(value, "sodium") for value in ("140 mg/dL", "126 mmol/L", "322 mg/dL", "280 mg/dL")]
    records += [record(value, "serum_creatinine") for value in ("15 umol/L", "250 umol/L", "1.4 umol/L")]
    records = [one.model_copy(update={"id": str(n)}) for n, one in enumerate(records)]
    found, _ = differences(records, rules(), DAY)
    assert not found, found[0]


@pytest.mark.parametrize(("value", "is_known"), [("6.2", True), ("<1.1", True)])
def test_a_number_without_a_unit_is_one_where_the_concept_has_none(value: str, is_known: bool) -> None:
    quantity = caveat.facts.values.Quantity
    for unit in ("", "1", "{INR}"):
        plain = quantity(*((caveat.facts.values.quantity(value).value, unit)))
        assert (latest(chart("inr", plain), "inr").interval is not None) is is_known


def test_a_number_without_a_unit_is_unknown_elsewhere() -> None:
    plain = caveat.facts.values.Quantity(caveat.facts.values.quantity("4.2").value, "")
    assert latest(chart("potassium", plain), "potassium").missing[0].reason == "4.2 has no unit"
