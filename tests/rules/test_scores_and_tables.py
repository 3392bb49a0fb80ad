"""Scores and dose tables: what they come to with all known and with parts unknown, and their mistakes."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from authoring.small import rule, rules_file, write
from caveat.adapters import read_native
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.inprocess import InprocessEvaluator
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.screen import ordinal, screen
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from rules.test_messages import problems

DAY = "2026-01-15"
SCORE = """
score:
  of:
  - {points: 3, sex: female}
  - {points: 2, age: {at_least: 68 a}}
  - {points: 1, potassium: {below: 3.5 mmol/L, within: 30 d}}
  - {points: 2, condition: {in: falls, status: ever}}
"""
TABLE = """
table:
  limits: daily_dose
  axes: {creatinine_clearance: {within: 90 d}}
  rows:
  - {creatinine_clearance: {at_least: 60 mL/min}, at_most: 60 mg/d}
  - {creatinine_clearance: {at_least: 30 mL/min, below: 60 mL/min}, at_most: 15 mg/d}
  - {creatinine_clearance: {below: 30 mL/min}, avoid: true}
"""


def ruleset(folder: Path, when: str, **parts: str) -> Ruleset:
    write(folder, {"baclofen/baclofen.rules.yaml": rules_file(rule("baclofen.test.rule", when, **parts))})
    return load(folder, cache=False)


def patient(**fields: object) -> Patient:
    order = {"id": "o1", "text": "baclofen", "status": "active", "dose": "10 mg", "frequency": "3 /d"}
    return read_native({"id": "p1", "orders": [{**order, **fields.pop("order", {})}], **fields})  # type: ignore[dict-item]


def status(rules: Ruleset, record: Patient) -> str:
    """What both evaluators say of the one rule."""
    found = set()
    for evaluator in (ReferenceEvaluator(rules.program), InprocessEvaluator(rules.program)):
        chart = Chart(record, rules.terminology, as_of=ordinal(DAY))
        outcomes = [o.status.value for o in evaluator.outcomes(chart)]
        found.add(outcomes[0] if outcomes else "not-met")
    assert len(found) == 1, found
    return found.pop()


def points(known: dict[str, bool | None]) -> tuple[int, int]:
    worth = {"sex": 3, "age": 2, "potassium": 1, "falls": 2}
    low = sum(worth[name] for name, value in known.items() if value)
    return low, low + sum(worth[name] for name, value in known.items() if value is None)


def facts(known: dict[str, bool | None]) -> dict[str, object]:
    found: dict[str, object] = {"conditions": None}
    if known["sex"] is not None:
        found["sex"] = "female" if known["sex"] else "male"
    if known["age"] is not None:
        found["age"] = "70 a" if known["age"] else "40 a"
    if known["potassium"] is not None:
        value = "3.0 mmol/L" if known["potassium"] else "4.5 mmol/L"
        found["observations"] = [{"concept": "potassium", "value": value, "at": "2026-01-10"}]
    if known["falls"] is not None:
        found["conditions"] = [{"codes": ["icd10cm|R29.6"]}] if known["falls"] else []
        found["complete"] = {"conditions": "closed"}
    return found


@pytest.mark.parametrize("least", [1, 3, 5, 8])
def test_a_score_is_an_interval_and_fires_only_where_all_of_it_is_enough(tmp_path: Path, least: int) -> None:
    rules = ruleset(tmp_path, SCORE + f"  at_least: {least}\n")
    for values in product((True, False, None), repeat=4):
        known = dict(zip(("sex", "age", "potassium", "falls"), values, strict=True))
        low, high = points(known)
        expected = "fires" if low >= least else "cannot-assess" if high >= least else "not-met"
        assert status(rules, patient(**facts(known))) == expected, known


def test_a_score_below_a_limit_asks_what_may_still_count(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, SCORE + "  at_least: 3\n  below: 5\n")
    for values in product((True, False, None), repeat=4):
        known = dict(zip(("sex", "age", "potassium", "falls"), values, strict=True))
        low, high = points(known)
        inside = [3 <= total < 5 for total in range(low, high + 1)]
        found = status(rules, patient(**facts(known)))
        if all(inside) and low == high:
            assert found == "fires", known
        if found == "fires":
            assert all(inside), known
        if found == "not-met":
            assert not any(inside) or (low < 3 <= high or low < 5 <= high), known


def test_an_open_list_does_not_clear_what_a_score_must_not_reach(tmp_path: Path) -> None:
    rules = ruleset(tmp_path, SCORE + "  below: 2\n")
    known: dict[str, bool | None] = {"sex": False, "age": False, "potassium": False, "falls": False}
    closed = facts(known)
    assert status(rules, patient(**closed)) == "fires"
    assert status(rules, patient(**{**closed, "complete": {"conditions": "open"}})) == "cannot-assess"


@pytest.mark.parametrize(
    ("clearance", "dose", "expected"),
    [
        ("80 mL/min", "20 mg", "not-met"),
        ("80 mL/min", "20.1 mg", "fires"),
        ("60 mL/min", "20 mg", "not-met"),
        ("59.9 mL/min", "5 mg", "not-met"),
        ("59.9 mL/min", "5.1 mg", "fires"),
        ("30 mL/min", "5 mg", "not-met"),
        ("29.9 mL/min", "0.1 mg", "fires"),
        (None, "30 mg", "fires"),
        (None, "5 mg", "cannot-assess"),
        ("<40 mL/min", "6 mg", "fires"),
        (">=60 mL/min", "6 mg", "not-met"),
        ("25-35 mL/min", "1 mg", "cannot-assess"),
        ("80 mL/min", None, "cannot-assess"),
        ("20 mL/min", None, "fires"),
    ],
)
def test_a_table_limits_the_order_by_what_is_known(
    tmp_path: Path, clearance: str | None, dose: str | None, expected: str
) -> None:
    rules = ruleset(tmp_path, TABLE)
    found = patient(
        order={"dose": dose}, **({} if clearance is None else {"creatinine_clearance": clearance})
    )
    assert status(rules, found) == expected


@pytest.mark.parametrize(
    ("clearance", "shown"),
    [("40 mL/min", "15 mg/d"), ("20 mL/min", "none"), (None, "60 mg/d or 15 mg/d or none")],
)
def test_the_limit_of_a_patient_is_shown(tmp_path: Path, clearance: str | None, shown: str) -> None:
    alert = "{summary: 'At most {limit}', consequence: Harm., action: Avoid.}"
    rules = ruleset(tmp_path, TABLE, alert=alert)
    record = patient(
        order={"dose": "40 mg"}, **({} if clearance is None else {"creatinine_clearance": clearance})
    )
    [finding] = screen(record, rules, as_of=DAY).alerts
    assert finding.summary == f"At most {shown}"


def row(text: str) -> str:
    return f"""
table:
  limits: daily_dose
  axes: {{creatinine_clearance: {{}}, age: {{}}}}
  rows:
{text}
"""


MISTAKES = {
    "a gap": (
        row(
            "  - {creatinine_clearance: {above: 30 mL/min}, at_most: 60 mg/d}\n"
            "  - {creatinine_clearance: {below: 30 mL/min}, avoid: true}"
        ),
        "C067 table leaves a gap",
        "At creatinine_clearance 30 mL/min and age 0 no row applies.",
    ),
    "an overlap": (
        row(
            "  - {creatinine_clearance: {at_least: 30 mL/min}, at_most: 60 mg/d}\n"
            "  - {creatinine_clearance: {at_most: 30 mL/min}, avoid: true}"
        ),
        "C067 rows of a table overlap",
        "At creatinine_clearance 30 mL/min and age 0 rows 1 and 2 apply.",
    ),
    "a gap in one corner of two axes": (
        row(
            "  - {creatinine_clearance: {at_least: 30 mL/min}, at_most: 60 mg/d}\n"
            "  - {creatinine_clearance: {below: 30 mL/min}, age: {at_least: 65 a}, avoid: true}"
        ),
        "C067 table leaves a gap",
        "no row applies",
    ),
    "an axis that is not declared": (
        row("  - {egfr: {below: 30 mL/min}, avoid: true}"),
        "C020 unknown axis 'egfr'",
        "Axes of this table: creatinine_clearance, age.",
    ),
    "a row that says nothing": (
        row("  - {creatinine_clearance: {below: 30 mL/min}}"),
        "C016 a row needs one of at_most and avoid",
        "",
    ),
    "a limit of another dimension": (
        row("  - {at_most: 60 mg/d}").replace("daily_dose", "frequency"),
        "C021 unit does not fit",
        "",
    ),
    "a score that always holds": (SCORE + "  at_least: 0\n", "C030 condition always holds", "0 to 8"),
    "a score that never holds": (SCORE + "  at_least: 9\n", "C030 condition can never hold", "0 to 8"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found_when_rules_are_read(tmp_path: Path, name: str) -> None:
    when, title, text = MISTAKES[name]
    found = problems(tmp_path, rule("baclofen.test.rule", when))
    assert [f"{one.code} {one.title}" for one in found] == [title]
    assert text in str(found[0])


def test_a_table_of_two_axes_without_gap_is_read(tmp_path: Path) -> None:
    when = row(
        "  - {creatinine_clearance: {at_least: 30 mL/min}, at_most: 60 mg/d}\n"
        "  - {creatinine_clearance: {below: 30 mL/min}, age: {at_least: 65 a}, avoid: true}\n"
        "  - {creatinine_clearance: {below: 30 mL/min}, age: {below: 65 a}, at_most: 5 mg/d}"
    )
    rules = ruleset(tmp_path, when)
    low = {"creatinine_clearance": "20 mL/min", "order": {"dose": "1 mg"}}
    assert status(rules, patient(age="70 a", **low)) == "fires"
    assert status(rules, patient(age="50 a", **low)) == "not-met"
    assert status(rules, patient(**low)) == "cannot-assess"
    much = {"order": {"dose": "30 mg"}}
    assert status(rules, patient(**much)) == "fires"  # above every row, whichever is the patient's
