"""Amounts of one ingredient of a combination product, and the daily dose of a patch, by every evaluator."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caveat
from authoring.small import rule, rules_file
from caveat.columns.records import to_batch
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.columnar import Columnar
from caveat.evaluators.screen import ordinal
from caveat.evaluators.texts import order_text
from caveat.facts.chart import Chart
from caveat.facts.order_numbers import order_number
from caveat.facts.patient import Patient
from caveat.units import parse_unit
from strategies import vocabulary

DAY = "2026-01-15"
TABLET = "oxycodone 5 mg / acetaminophen 325 mg tablet"


def patient(*orders: dict[str, Any], complete: str = "closed", **more: Any) -> Patient:
    listed = [{"id": f"o{i}", "status": "active", **order} for i, order in enumerate(orders)]
    data = {"id": "p", "orders": listed, "complete": {"orders": complete}, **more}
    return caveat.Patient.model_validate(data)


def chart(*orders: dict[str, Any], **more: Any) -> Chart:
    return Chart(patient(*orders, **more), vocabulary.terminology(), as_of=ordinal(DAY))


def amount(of: str, prop: str, unit: str, **order: Any) -> tuple[float | None, float | None] | str:
    """The number in that unit, from and to; or why it is not known."""
    seen = chart(order)
    found = order_number(seen, seen.views[0], prop, (of,))
    if found.interval is None:
        return "; ".join(one.reason for one in found.missing)
    assert found.dimension == parse_unit(unit).dimension
    factor = parse_unit(unit).factor
    ends = (found.interval.low, found.interval.high)
    low, high = (None if end is None else float(end / factor) for end in ends)
    return low, high


@pytest.mark.parametrize(
    ("of", "order", "reason"),
    [
        ("oxycodone", {"text": "oxycodone-acetaminophen", "dose": "2 {tablet}"}, "strength of oxycodone"),
        ("oxycodone", {"text": TABLET, "dose": "10 mg"}, "the dose is of a combination"),
        ("morphine", {"text": TABLET, "dose": "2 {tablet}"}, "the dose is of a combination"),
        ("oxycodone", {"text": TABLET}, "not recorded"),
        ("oxycodone", {"text": TABLET, "dose": "5 mL"}, "does not fit the strength"),
        (
            "oxycodone",
            {"ingredients": ["oxycodone", "acetaminophen 325 mg"], "dose": "1 {tablet}"},
            "strength of oxycodone",
        ),
        (
            "oxycodone",
            {
                "ingredients": ["oxycodone 10 mg", "acetaminophen 325 mg"],
                "text": TABLET,
                "dose": "1 {tablet}",
            },
            "strength of oxycodone",  # the record and its text differ
        ),
    ],
)
def test_a_part_that_is_not_said_is_not_known(of: str, order: dict[str, Any], reason: str) -> None:
    found = amount(of, "dose", "mg", **order)
    assert isinstance(found, str)
    assert reason in found


@pytest.mark.parametrize(
    ("of", "prop", "unit", "order", "expected"),
    [
        ("paracetamol", "strength", "mg", {"text": TABLET}, 325),
        ("paracetamol", "dose", "mg", {"text": TABLET, "dose": "2 {tablet}"}, 650),
        ("oxycodone", "dose", "mg", {"text": "Percocet 5/325", "dose": "2 {tablet}"}, 10),
        (
            "paracetamol",
            "daily_dose",
            "mg/d",
            {"text": TABLET, "dose": "2 tablet", "frequency": "4 /d"},
            2600,
        ),
        ("oxycodone", "daily_dose", "mg/d", {"text": TABLET, "dose": "2 tablet", "frequency": "6 h"}, 40),
        ("oxycodone", "daily_dose", "mg/d", {"text": TABLET, "daily_dose": "8 {tablet}/d"}, 40),
        (
            "paracetamol",
            "daily_dose",
            "mg/d",
            {
                "text": TABLET,
                "dose": "2 tablet",
                "frequency": "8 /d",
                "as_needed": True,
                "max_per_day": "8 tablet",
            },
            2600,
        ),
        (
            "codeine",
            "dose",
            "mg",
            {"ingredients": ["paracetamol 500 mg", "codeine 30 mg"], "dose": "2 {tablet}"},
            60,
        ),
        (
            "paracetamol",
            "dose",
            "mg",
            {"text": "hydrocodone-acetaminophen 7.5-325 mg/15 mL", "dose": "15 mL"},
            325,
        ),
    ],
)
def test_a_count_of_units_times_the_strength_of_the_part(
    of: str, prop: str, unit: str, order: dict[str, Any], expected: float
) -> None:
    assert amount(of, prop, unit, **order) == (expected, expected)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"dose": "1 {patch}"}, (0, 600)),
        ({"dose": "1 {patch}", "frequency": "1 /d"}, (0, 600)),
        ({"dose": "1 {patch}", "frequency": "72 h"}, (600, 600)),
        ({"dose": "2 {patch}", "frequency": "0.333 /d"}, (1200, 1200)),
        ({"dose": "25 ug/h", "frequency": "72 h"}, (600, 600)),
        ({"rate": "25 ug/h"}, (600, 600)),
    ],
)
def test_a_patch_gives_its_rate_while_it_is_worn(
    order: dict[str, Any], expected: tuple[float, float]
) -> None:
    """Changed once a day or at times not known, it may be taken off for a part of the day."""
    for text in ("fentanyl 25 mcg/hr patch", "72 HR Fentanyl 0.025 MG/HR Transdermal System"):
        if "dose" in order or "0.025" in text:
            assert amount("fentanyl", "daily_dose", "ug/d", text=text, **order) == expected


@pytest.mark.parametrize("text", ["12 HR morphine 30 mg tablet", "morphine 30 mg (24 hr) capsule"])
def test_how_long_it_acts_is_no_strength(text: str) -> None:
    assert amount("morphine", "dose", "mg", text=text, dose="1 {tablet}") == (30, 30)


def test_a_dose_in_the_text_is_that_of_the_rules_ingredient() -> None:
    seen = chart({"text": TABLET, "dose": "2 {tablet}", "frequency": "4 /d"})
    assert order_text(seen, seen.views[0], "daily_dose", of=("oxycodone",)) == "40 mg/d"
    assert order_text(seen, seen.views[0], "daily_dose", of=("paracetamol",)) == "2600 mg/d"
    assert order_text(seen, seen.views[0], "daily_dose") == "not recorded"


# by rules


def ruleset(*rules: str) -> Ruleset:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.rules.yaml").write_text(rules_file(*rules))
        return load(folder, cache=False)


@cache
def rules() -> Ruleset:
    total = "{sum: {of: {ingredient: paracetamol}, times: daily_dose, above: 4 g/d}}"
    weights = "{oxycodone: 1.5, codeine: 0.15}"
    equivalents = (
        f"{{sum: {{of: {{class: opioid}}, weights: {weights}, times: daily_dose, at_least: 50 mg/d}}}}"
    )
    return ruleset(
        rule("a.total.day", total, applies_to="{patient: {taking: {ingredient: paracetamol}}}"),
        rule("a.opioid.day", equivalents, applies_to="{patient: {taking: {class: opioid}}}"),
        rule(
            "a.order.day",
            "{order: {daily_dose: {at_least: 3 g/d}}}",
            applies_to="{order: {ingredient: paracetamol}}",
        ),
        rule(
            "a.unit.strength",
            "{order: {of: paracetamol, strength: {above: 325 mg}}}",
            applies_to="{order: {class: opioid}}",
        ),
        rule(
            "a.known.dose",
            "{known: [order.daily_dose, order.as_needed]}",
            applies_to="{order: {ingredient: paracetamol}}",
        ),
    )


def status(record: Patient) -> dict[str, str]:
    """Rule -> status by every evaluator; those that say nothing are left out."""
    found = []
    for name in ("reference", "inprocess"):
        report = caveat.screen(record, rules(), as_of=DAY, evaluator=name)
        found.append(
            {f"{one.rule.id} {'+'.join(one.orders)}".strip(): one.status.value for one in report.findings}
        )
    rows = Columnar(rules(), as_of=DAY).screen(to_batch([record])).findings.to_pylist()
    found.append({f"{one['rule']} {'+'.join(one['orders'])}".strip(): one["status"] for one in rows})
    assert found[0] == found[1] == found[2]
    return found[0]


def test_an_unknown_part_leaves_the_sums_open() -> None:
    record = patient({"text": "Percocet", "dose": "2 {tablet}", "frequency": "4 /d"})
    assert status(record) == {
        "a.total.day": "cannot-assess",
        "a.opioid.day": "cannot-assess",
        "a.order.day o0": "cannot-assess",
        "a.unit.strength o0": "cannot-assess",
    }
    report = caveat.screen(record, rules(), as_of=DAY)
    reasons = {m.fact: m.reason for f in report.findings if f.rule.id == "a.total.day" for m in f.missing}
    assert "strength of paracetamol in the combination is not known" in reasons["daily_dose"]


def test_each_sum_uses_its_own_part() -> None:
    tablets = {"text": TABLET, "dose": "2 {tablet}", "frequency": "4 /d", "as_needed": False}
    assert status(patient(tablets)) == {"a.opioid.day": "fires", "a.known.dose o0": "fires"}
    more = {"text": "paracetamol 500 mg", "dose": "1000 mg", "frequency": "3 /d", "as_needed": False}
    assert status(patient(tablets, more)) == {
        "a.total.day": "fires",
        "a.opioid.day": "fires",
        "a.order.day o1": "fires",
        "a.known.dose o0": "fires",
        "a.known.dose o1": "fires",
    }


def test_one_unknown_part_is_no_matter_where_the_rest_is_enough() -> None:
    record = patient({"text": "Percocet"}, {"text": "paracetamol", "daily_dose": "5 g/d"})
    assert status(record)["a.total.day"] == "fires"


def test_a_part_named_in_the_rule() -> None:
    assert "a.unit.strength o0" not in status(patient({"text": TABLET}))
    assert status(patient({"text": "co-codamol 30/500"}))["a.unit.strength o0"] == "fires"


@given(
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from(("5-325", "10-325", "7.5-325")),
    st.sampled_from((True, False, None)),
)
def test_parts_are_proportional(tablets: int, times: int, strengths: str, as_needed: bool | None) -> None:
    """Each part is its strength times the tablets a day, however the product is written."""
    one, other = strengths.split("-")
    for text in (
        f"oxycodone-acetaminophen {strengths} mg",
        f"acetaminophen {other} mg / oxycodone {one} mg tablet",
        f"Percocet {one}/{other}",
    ):
        order = {
            "text": text,
            "dose": f"{tablets} {{tablet}}",
            "frequency": f"{times} /d",
            "as_needed": as_needed,
        }
        for of, strength in (("oxycodone", one), ("paracetamol", other)):
            expected = float(strength) * tablets * times
            assert amount(of, "daily_dose", "mg/d", **order) == (expected, expected)
