"""Numbers given sooner in floating point are those that the exact way gives, or none."""

from __future__ import annotations

from collections import Counter
from math import isclose
from typing import Any

import pytest

from caveat.compile import nodes
from caveat.evaluators.closures import Closures
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts import quick, quick_choices, quick_orders
from caveat.facts.chart import Chart
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.order_numbers import order_number
from strategies import patients, programs
from strategies.sources import Seeded

RECORDS = 1_500


def said(plain: float | None, exact: Measure) -> str:
    """What the plain number says; an assertion fails where the exact way says something else."""
    if plain is None:
        return "asks"
    if plain != plain:
        assert exact.interval is None, exact
        return "not known"
    assert exact.interval is not None
    assert exact.interval.low is not None
    assert isclose(plain, float(exact.interval.low), rel_tol=quick.MARGIN / 10)
    return "known"


def test_body_mass_and_gestation_are_those_of_the_exact_way() -> None:
    seen: Counter[str] = Counter()
    for seed in range(RECORDS):
        source = Seeded(seed)
        data = patients.data(source)
        data.pop("age", None)
        if source.chance(60):
            data |= {
                "birth_date": source.pick(("1950-02-01", "1990-05-20", "2008-01-16", "2015-06-01", "1980"))
            }
        if source.chance(60):
            data |= {"height": {"value": source.pick(("170 cm", "1.6 m", "66 [in_i]")), "at": "2026-01-01"}}
        if source.chance(60):
            at = source.pick(("2026-01-02", "2024-06-01", "2025-01"))
            data |= {"weight": {"value": source.pick(("70 kg", "154 [lb_av]")), "at": at}}
        chart = patients.chart(data)
        again = patients.chart(data)
        seen[f"bmi {said(quick.bmi(chart), number(again, 'bmi', 'kg/m2'))}"] += 1
        seen[f"gestation {said(quick_choices.gestation(chart), number(again, 'gestation', 'wk'))}"] += 1
    kinds = ("bmi asks", "bmi known", "bmi not known", "gestation asks", "gestation not known")
    assert {kind: seen[kind] for kind in kinds if seen[kind] < 20} == {}


def test_amounts_of_an_order_are_those_of_the_exact_way() -> None:
    seen: Counter[str] = Counter()
    for seed in range(RECORDS // 3):
        data = patients.data(Seeded(seed))
        chart, again = patients.chart(data), patients.chart(data)
        for view, other in zip(chart.views, again.views, strict=True):
            for prop in quick_orders.PLAIN:
                found, exact = quick_orders.kept(chart, view, prop), order_number(again, other, prop)
                plain = None if found is None else found[2]
                seen[f"{prop} {said(plain, exact)}"] += 1
                if found is not None and plain == plain:
                    assert found[1] == exact.dimension
                    assert exact.is_known
    kinds = [f"{prop} {how}" for prop in quick_orders.PLAIN for how in ("asks", "known", "not known")]
    assert {kind: seen[kind] for kind in kinds if seen[kind] < 20} == {}


@pytest.mark.parametrize("kind", ["amount known", "multiple", "form", "number", "negated"])
def test_leaves_of_an_order_hold_as_the_reference_says(kind: str) -> None:
    """Leaves whose plain way is new: every truth of each is seen, and is that of the reference."""
    seen: Counter[int] = Counter()
    for seed in range(RECORDS):
        source = Seeded(seed)
        leaf = _leaf(kind, source)
        data = patients.data(source)
        chart, again = patients.chart(data), patients.chart(data)
        closure = Closures().node(leaf)
        for view, other in zip(chart.views, again.views, strict=True):
            truth = closure(chart, view, None, None)
            assert truth == judge(leaf, again, Subject((other,))).truth, (leaf, data)
            seen[truth] += 1
    truths = (0, 2) if kind in ("amount known", "negated") else (0, 1, 2)
    assert all(seen[truth] >= 20 for truth in truths), seen


def _leaf(kind: str, source: Seeded) -> nodes.Leaf:
    negated = source.chance(40)
    if kind == "amount known":
        return nodes.KnownLeaf(f"order.{source.pick(quick_orders.PLAIN)}", negated, programs.part(source))
    if kind == "multiple":
        return programs.dose_multiple_leaf(source, 0)
    if kind == "form":
        return nodes.OrderIsLeaf(0, "form", programs.some(source, programs.v.FORMS, 2), negated)
    if kind == "number":
        return programs.order_number_leaf(source, 0)
    fact = source.pick(("pregnant", "weight", "potassium", "serum_creatinine", "child_pugh_class", "sex"))
    return nodes.KnownLeaf(fact, True)


def test_places_and_doubtful_orders_are_those_of_the_record() -> None:
    several = doubtful = 0
    for seed in range(RECORDS // 3):
        chart: Chart = patients.chart(patients.data(Seeded(seed)))
        expected: dict[str, list[int]] = {}
        for place, view in enumerate(chart.current):
            for name in view.ingredients:
                expected.setdefault(name, []).append(place)
        assert chart.places == expected
        odd: list[Any] = [
            v
            for v in chart.views
            if v.recognised.unrecognised or v.recognised.conflict or v.resolution.gathered
        ]
        assert chart.doubtful == odd
        several += any(len(places) > 1 for places in expected.values())
        doubtful += bool(odd)
    assert min(several, doubtful) >= 20
