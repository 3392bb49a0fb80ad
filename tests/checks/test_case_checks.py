"""The checks on cases: files, classes, claims and limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring.small import rule, rules_file, write
from caveat.authoring.check import check_folder

RULE = rule(
    "baclofen.topic.one",
    "{creatinine_clearance: {below: 30 mL/min, within: 90 d}}",
    unless="[{id: pump, because: b, order: {route: intrathecal}}]",
)
HEAD = """\
format: 1
as_of: 2026-01-15
base:
  sex: female
  age: 50 a
  orders: [{id: o1, text: baclofen, route: oral, status: active}]
cases:
"""
PUMPED = "orders: [{id: o1, text: baclofen, route: intrathecal, status: active}]"
TWO = (
    "orders: [{id: o1, text: baclofen, route: oral, status: active}, "
    "{id: o2, text: morphine, route: oral, status: active}]"
)
FULL = {
    "fires": ("creatinine_clearance: 24 mL/min", "{subject: [o1], status: fires}"),
    "not-met": ("creatinine_clearance: 60 mL/min", "{subject: [o1], status: not-met}"),
    "boundary": ("creatinine_clearance: 30 mL/min", "{subject: [o1], status: not-met}"),
    "boundary-under": ("creatinine_clearance: 29 mL/min", "{subject: [o1], status: fires}"),
    "missing": ("sex: female", "{subject: [o1], status: cannot-assess}"),
    "stale": (
        "creatinine_clearance: {value: 24 mL/min, at: 2025-01-01}",
        "{subject: [o1], status: cannot-assess}",
    ),
    "unit": ("creatinine_clearance: 0.4 mL/s", "{subject: [o1], status: fires}"),
    "exception-met": (f"creatinine_clearance: 24 mL/min, {PUMPED}", "{subject: [o1], status: excepted}"),
    "exception-unknown": (
        "creatinine_clearance: 24 mL/min, orders: [{id: o1, text: baclofen, status: active}]",
        "{subject: [o1], status: fires, unchecked: [pump]}",
    ),
    "two-orders": (f"creatinine_clearance: 24 mL/min, {TWO}", "{subject: [o1], status: fires}"),
}


def cases(chosen: dict[str, tuple[str, str]]) -> str:
    text = HEAD
    for name, (given, expect) in chosen.items():
        kind = name.removesuffix("-under")
        text += f"- id: {name}\n  rule: baclofen.topic.one\n  class: {kind}\n"
        text += f"  given: {{{given}}}\n  expect: [{expect}]\n"
    return text


def codes(folder: Path, text: str | None) -> list[tuple[str, str]]:
    files = {"topic/a.rules.yaml": rules_file(RULE)}
    if text is not None:
        files["topic/a.cases.yaml"] = text
    write(folder, files)
    found = check_folder(folder)
    return [(d.code, d.title) for d in found if d.level == "error"]


def test_full_set_of_cases_is_clean(tmp_path: Path) -> None:
    assert codes(tmp_path, cases(FULL)) == []


def test_no_cases_file(tmp_path: Path) -> None:
    assert codes(tmp_path, None) == [("C057", "rules without cases")]


def test_rule_without_any_case_beside_rules_that_have_some(tmp_path: Path) -> None:
    other = rule("baclofen.topic.two", "{sex: female}")
    write(tmp_path, {"topic/a.rules.yaml": rules_file(RULE, other), "topic/a.cases.yaml": cases(FULL)})
    found = [d for d in check_folder(tmp_path) if d.code == "C058"]
    assert {d.rule for d in found} == {"baclofen.topic.two"}
    assert {d.title.split("'")[1] for d in found} == {"fires", "not-met", "missing", "two-orders"}


@pytest.mark.parametrize("gone", [name for name in FULL if name != "boundary-under" and name != "boundary"])
def test_class_that_is_missing_is_named(gone: str, tmp_path: Path) -> None:
    found = codes(tmp_path, cases({k: v for k, v in FULL.items() if k != gone}))
    assert any(code == "C058" and f"'{gone}'" in title for code, title in found), found


def test_both_sides_of_a_limit_are_asked_for(tmp_path: Path) -> None:
    without = {k: v for k, v in FULL.items() if k != "boundary"}
    assert [code for code, _ in codes(tmp_path, cases(without))] == ["C060"]


@pytest.mark.parametrize(
    ("value", "seen"), [("29 mL/min", True), ("27 mL/min", True), ("26.9 mL/min", False)]
)
def test_other_side_counts_within_a_tenth(value: str, seen: bool, tmp_path: Path) -> None:
    near = {**FULL, "boundary-under": (f"creatinine_clearance: {value}", "{subject: [o1], status: fires}")}
    assert ("C060" not in [code for code, _ in codes(tmp_path, cases(near))]) is seen


@pytest.mark.parametrize(
    ("name", "expect"),
    [
        ("fires", "{subject: [o1], status: not-met}"),
        ("not-met", "{subject: [o1], status: fires}"),
        ("missing", "{subject: [o1], status: not-met}"),
        ("exception-met", "{subject: [o1], status: fires}"),
        ("exception-unknown", "{subject: [o1], status: fires}"),
    ],
)
def test_case_that_is_not_what_its_class_says(name: str, expect: str, tmp_path: Path) -> None:
    found = codes(tmp_path, cases({**FULL, name: (FULL[name][0], expect)}))
    assert ("C059", "case does not show what its class says") in found


def test_two_orders_needs_two_orders(tmp_path: Path) -> None:
    found = codes(tmp_path, cases({**FULL, "two-orders": FULL["fires"]}))
    assert ("C059", "case does not show what its class says") in found


def test_out_of_scope_lists_nobody(tmp_path: Path) -> None:
    found = codes(tmp_path, cases({**FULL, "out-of-scope": FULL["fires"]}))
    assert ("C059", "case does not show what its class says") in found


def test_clause_guarded_by_known_needs_no_missing_case(tmp_path: Path) -> None:
    guarded = rule("baclofen.topic.one", "{known: [context.fall_risk], context: {fall_risk: true}}")
    open_ = rule("baclofen.topic.one", "{context: {fall_risk: true}}")
    for text, wanted in ((guarded, False), (open_, True)):
        fires = cases({"fires": ("context: {fall_risk: true}", "{subject: [o1], status: fires}")})
        write(tmp_path, {"topic/a.rules.yaml": rules_file(text), "topic/a.cases.yaml": fires})
        titles = [d.title for d in check_folder(tmp_path) if d.code == "C058"]
        assert ("case class 'missing' is missing" in titles) is wanted
