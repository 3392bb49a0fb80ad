"""Sums of doses and counts of medicines judged in columns: what reference gives, on the limits as well."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caveat.columns.records import to_batch
from caveat.compile import nodes
from caveat.compile.nodes import CountLeaf, Leaf, Node, SumLeaf
from caveat.compile.serial import seal
from caveat.evaluators.columnar import Columnar, screening
from caveat.evaluators.columnar.judging import judge
from caveat.facts.patient import Patient
from caveat.intervals import Interval, exactly
from caveat.units import parse_unit, to_base
from columnar.agreement import differences, numbered
from columnar.test_derived import ruleset
from strategies import vocabulary as v
from strategies.sources import Drawn, Seeded, Source

IN_CI = os.environ.get("CAVEAT_HYPOTHESIS_PROFILE") == "ci"
DAY: Final = v.AS_OF.isoformat()
PRODUCTS: Final = (
    "morphine",
    "morphine 10 mg tablet",
    "codeine",
    "oxycodone",
    "tramadol",
    "fentanyl patch",
    "paracetamol 500 mg / codeine 30 mg tablet",
    "oxycodone 5 mg / paracetamol 325 mg tablet",
    "morphine and codeine",
    "paracetamol",
    "morphin sulphat",
)
WEIGHTS: Final = {
    "morphine": Fraction(1),
    "codeine": Fraction(15, 100),
    "oxycodone": Fraction(3, 2),
    "tramadol": Fraction(1, 10),
    "fentanyl": Fraction(100),
}


def data(source: Source) -> dict[str, Any]:
    """A patient on up to five medicines, most of them opioids with round doses."""
    orders = []
    for place in range(source.number(0, 5)):
        order: dict[str, Any] = {"id": f"o{place}", "text": source.pick(PRODUCTS)}
        if source.chance(85):
            unit = source.pick(("mg", "mg", "mg", "{tbl}", "ug", "g", "mL", "ug/h"))
            order["dose"] = {"value": source.pick(("5", "10", "12.5", "20", "0.1")), "unit": unit}
            if source.chance(10):
                order["dose"]["upper"] = "40"
            elif source.chance(6):
                order["dose"]["comparator"] = source.pick(("<", "<=", ">", ">="))
        if source.chance(85):
            unit = source.pick(("/d", "/d", "/d", "h", "/wk"))
            order["frequency"] = {"value": source.pick(("1", "2", "3", "8")), "unit": unit}
        if source.chance(30):
            order["as_needed"] = source.chance(60)
        if source.chance(20):
            order["max_per_day"] = {
                "value": source.pick(("20", "40", "4")),
                "unit": source.pick(("mg", "{tbl}")),
            }
        if source.chance(5):
            order["daily_dose"] = {"value": "30", "unit": source.pick(("mg/d", "mg", "mL"))}
        if source.chance(10):
            order["strength"] = {"value": "5", "unit": source.pick(("mg", "mg/mL", "mg/{tbl}"))}
        if source.chance(60):
            order["route"] = source.pick(("oral", "oral", "intravenous", "transdermal", "by magic"))
        if source.chance(20):
            order["origin"] = source.pick(("order", "dispense", "administration"))
        if source.chance(20):
            order["status"] = source.pick(("active", "on-hold", "stopped"))
        if source.chance(50):
            order["start"] = source.pick(("2026-01-10", "2025-12", "2025-11-20"))
        orders.append(order)
    found: dict[str, Any] = {"id": "p"}
    if source.chance(96):
        found["orders"] = orders
    if source.chance(70):
        found["complete"] = {"orders": source.pick(("closed", "closed", "open", "unknown"))}
    return found


def target(source: Source, unit: str, limits: tuple[str, ...]) -> Interval:
    low = to_base(Fraction(source.pick(limits)), parse_unit(unit))
    high = to_base(Fraction(source.pick(limits)), parse_unit(unit))
    opened = source.chance(50), source.chance(50)
    match source.number(0, 3):
        case 0:
            return Interval(low, None, opened[0])
        case 1:
            return Interval(None, high, False, opened[1])
        case 2:
            return exactly(low)
        case _:
            low, high = min(low, high), max(low, high)
            return Interval(low, high, low < high and opened[0], low < high and opened[1])


def where(source: Source) -> Node | None:
    """A condition on each order, or none."""
    if source.chance(50):
        return None
    parts: list[Node] = [
        nodes.OrderIsLeaf(0, "route", ("oral",), source.chance(30)),
        nodes.OrderIsLeaf(0, "as_needed", ("true",), source.chance(30)),
        nodes.OrderNumberLeaf(0, "daily_dose", target(source, "mg/d", ("10", "40")), "mg/d", "x"),
        nodes.OrderNumberLeaf(0, "since_start", target(source, "d", ("5", "40")), "d", "x"),
        nodes.ChoiceLeaf("pregnant", ("true",), source.chance(30)),
    ]
    chosen = tuple(part for part in parts if source.chance(40)) or (parts[0],)
    return nodes.All(chosen) if source.chance(50) else nodes.AnyOf(chosen)


def leaf(source: Source) -> Leaf:
    """A sum or a count; limits of sums are multiples that the doses meet."""
    names = tuple(name for name in WEIGHTS if source.chance(70)) or ("morphine",)
    negated, asked = source.chance(30), where(source)
    if source.chance(40):
        by, goal = source.pick(("ingredient", "order")), target(source, "1", ("0", "1", "2", "3"))
        return CountLeaf(names, "x", by, goal, "x", negated, asked)
    weights = tuple((name, exactly(WEIGHTS[name] if source.chance(90) else 0)) for name in names)
    if source.chance(20):
        goal = target(source, "1", ("0", "0.1", "1", "1.5", "2.5"))
        return SumLeaf(weights, "x", None, goal, "1", "x", negated, asked)
    limits = ("0", "5", "10", "12", "15", "20", "30", "37.5", "45", "60", "90", "120")
    goal = target(source, "mg/d", limits)
    return SumLeaf(weights, "x", "daily_dose", goal, "mg/d", "x", negated, asked)


def check(source: Source, count: int, leaves: int) -> tuple[int, int]:
    records = numbered([Patient.model_validate(data(source)) for _ in range(count)])
    found, screened = differences(records, ruleset([leaf(source) for _ in range(leaves)]), DAY)
    assert not found, found[0]
    return screened.one_by_one, len(records)


@given(st.data())
@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    max_examples=200 if IN_CI else 30,
    deadline=None,
)
def test_totals_are_those_of_reference(draw: st.DataObject) -> None:
    check(Drawn(draw.draw), 2, 3)


@pytest.mark.parametrize("seed", range(30 if IN_CI else 5))
def test_in_bulk(seed: int) -> None:
    alone, judged = check(Seeded(9_000 + seed), 60, 12)
    assert alone == 0  # even sums that meet their limit are told exactly
    assert judged == 60


def test_every_truth_is_decided_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[tuple[type, bool, int]] = Counter()

    def spy(index: int, rule: Any, facts: Any, frame: Any) -> Any:
        found = judge(index, rule, facts, frame)
        for one, truths in frame.leaves.items():
            for truth in truths.low[truths.low == truths.high].tolist():
                seen[type(one), one.where is not None, truth] += 1
        return found

    monkeypatch.setattr(screening, "judge", spy)
    source = Seeded(11)
    records = numbered([Patient.model_validate(data(source)) for _ in range(60)])
    Columnar(ruleset([leaf(source) for _ in range(60)]), as_of=DAY).screen(to_batch(records))
    kinds = [(kind, asked) for kind in (SumLeaf, CountLeaf) for asked in (False, True)]
    assert all(seen[*each, truth] for each in kinds for truth in (0, 1, 2)), seen


@pytest.mark.parametrize("weight", ["70 kg", ">60 kg", "<80 kg", ">=50 kg", "60-80 kg", "none"])
def test_doses_by_weight(weight: str) -> None:
    """A weight that is known from one side only can still say that a dose lies outside a range."""
    records = []
    for place, dose in enumerate(("35", "70", "120", "140", "700")):
        order = {"id": "o", "text": "morphine", "dose": f"{dose} mg", "frequency": "1 /d"}
        found: dict[str, Any] = {"id": f"p{place}", "birth_date": "1970-01-01", "orders": [order]}
        if weight != "none":
            found["weight"] = weight
        records.append(Patient.model_validate(found))
    for low, high in ((None, "1"), ("1", None), ("2", None), (None, "2"), ("1", "2")):
        ends = [None if end is None else to_base(Fraction(end), parse_unit("mg/kg")) for end in (low, high)]
        asked = nodes.OrderNumberLeaf(0, "dose_per_weight", Interval(*ends), "mg/kg", "x")
        rules = ruleset([asked])
        one = replace(rules.program.rules[0], subject="order", first=("morphine",))
        found_, _ = differences(records, replace(rules, program=seal("generated", (one,))), DAY)
        assert not found_, found_[0]
