"""`where` in counts and sums: TRUE counts, FALSE does not, UNKNOWN makes an interval; by every evaluator."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import caveat
from authoring.small import rule, rules_file
from caveat.columns.records import to_batch
from caveat.compile.ruleset import Ruleset, load
from caveat.compile.serial import canonical, load_program
from caveat.evaluators.columnar import Columnar
from strategies.outcomes import EVALUATORS

DAY = "2026-01-15"
ROUTES = {"systemic": "oral", "local": "topical", "unknown": None}
PATIENT = "{patient: {taking: {class: opioid}}}"


@cache
def ruleset(when: str) -> Ruleset:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.rules.yaml").write_text(
            rules_file(rule("a.test.rule", when, applies_to="{patient: {}}"))
        )
        return load(folder, cache=False)


def screen(when: str, *orders: dict[str, Any], complete: str = "closed") -> tuple[str, tuple[str, ...]]:
    """What every evaluator says, and the facts that are missing."""
    listed = [
        {"id": f"o{i}", "status": "active", "text": "morphine", **order} for i, order in enumerate(orders)
    ]
    record = caveat.Patient.model_validate({"id": "p", "orders": listed, "complete": {"orders": complete}})
    found = set()
    for name in EVALUATORS:
        [*findings] = caveat.screen(record, ruleset(when), as_of=DAY, evaluator=name).findings
        missing = tuple(sorted({m.fact for one in findings for m in one.missing}))
        found.add((findings[0].status.value if findings else "not-met", missing))
    rows = Columnar(ruleset(when), as_of=DAY).screen(to_batch([record])).findings.to_pylist()
    found.add((rows[0]["status"], tuple(rows[0]["missing"])) if rows else ("not-met", ()))
    assert len(found) == 1, found
    return found.pop()


def order(kind: str, **more: Any) -> dict[str, Any]:
    return {**({"route": ROUTES[kind]} if ROUTES[kind] else {}), **more}


COUNT = "{count: {of: {class: opioid}, where: {route: oral}, by: order, at_least: 2}}"
FEW = "{count: {of: {class: opioid}, where: {route: oral}, by: order, below: 2}}"
NOT = "{count: {of: {class: opioid}, where: {not: {route: [topical, ophthalmic]}}, by: order, at_least: 2}}"
SUM = "{sum: {of: {ingredient: morphine}, where: {route: oral}, times: daily_dose, at_least: 60 mg/d}}"


def test_a_route_that_is_not_recorded_leaves_the_count_open() -> None:
    assert screen(COUNT, order("systemic"), order("unknown")) == ("cannot-assess", ("route",))
    assert screen(FEW, order("systemic"), order("unknown")) == ("cannot-assess", ("route",))


@pytest.mark.parametrize("when", [COUNT, NOT])
def test_each_order_counts_may_count_or_does_not(when: str) -> None:
    for kinds in product(ROUTES, repeat=3):
        sure, most = kinds.count("systemic"), 3 - kinds.count("local")
        expected = "fires" if sure >= 2 else "cannot-assess" if most >= 2 else "not-met"
        assert screen(when, *(order(kind) for kind in kinds))[0] == expected, kinds


def test_a_sum_goes_from_what_surely_counts_to_what_may() -> None:
    for kinds in product(ROUTES, repeat=2):
        listed = [
            order(kind, daily_dose=dose) for kind, dose in zip(kinds, ("40 mg/d", "30 mg/d"), strict=True)
        ]
        low = sum(dose for kind, dose in zip(kinds, (40, 30), strict=True) if kind == "systemic")
        high = sum(dose for kind, dose in zip(kinds, (40, 30), strict=True) if kind != "local")
        expected = "fires" if low >= 60 else "cannot-assess" if high >= 60 else "not-met"
        assert screen(SUM, *listed)[0] == expected, kinds


def test_an_order_that_does_not_count_may_have_any_dose() -> None:
    assert screen(SUM, order("systemic", daily_dose="10 mg/d"), order("local")) == ("not-met", ())
    assert screen(SUM, order("systemic", daily_dose="10 mg/d"), order("unknown")) == (
        "cannot-assess",
        ("daily_dose", "route"),
    )


def test_by_ingredient_one_sure_order_is_enough() -> None:
    when = "{count: {of: {class: opioid}, where: {route: oral}, by: ingredient, at_least: 2}}"
    codeine = {"text": "codeine", "route": "oral"}
    assert screen(when, order("systemic"), order("unknown"), order("unknown"))[0] == "not-met"
    assert screen(when, order("systemic"), order("unknown"), codeine)[0] == "fires"
    assert screen(when, order("unknown"), order("unknown"), codeine)[0] == "cannot-assess"


def test_all_any_and_not() -> None:
    inner = "{any: [{route: oral, as_needed: false}, {not: {status: active}}]}"
    when = f"{{count: {{of: {{class: opioid}}, where: {inner}, by: order, at_least: 1}}}}"
    assert screen(when, order("systemic"))[0] == "cannot-assess"
    assert screen(when, order("systemic", as_needed=False))[0] == "fires"
    assert screen(when, order("systemic", as_needed=True))[0] == "not-met"
    assert screen(when, order("systemic", as_needed=True, status="on-hold"))[0] == "fires"


def test_a_part_of_a_product_in_where_is_that_of_the_scope() -> None:
    when = "{count: {of: {ingredient: paracetamol}, where: {dose: {above: 600 mg}}, by: order, at_least: 1}}"
    product_ = {"text": "oxycodone 5 mg / acetaminophen 325 mg tablet"}
    assert screen(when, {**product_, "dose": "2 {tablet}"})[0] == "fires"
    assert screen(when, {**product_, "dose": "1 {tablet}"})[0] == "not-met"
    assert screen(when, product_)[0] == "cannot-assess"


def test_a_stored_program_keeps_what_is_asked_of_each_order() -> None:
    for when in (NOT, SUM):
        program = ruleset(when).program
        assert load_program(canonical(program.version, program.rules)) == program


def test_no_more_than_these_still_needs_a_closed_list() -> None:
    assert screen(FEW, order("local"), complete="open")[0] == "cannot-assess"
    assert screen(FEW, order("local"))[0] == "fires"


def test_an_unrecognised_medicine_may_count_whatever_is_asked() -> None:
    assert screen(COUNT, order("systemic"), {"text": "morfentan xyz", "route": "topical"}) == (
        "cannot-assess",
        ("orders",),
    )
