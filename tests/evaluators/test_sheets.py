"""Many rules of one ingredient: those a value has crossed are found among them, and only once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.nodes import All, Always, KnownLeaf, Node, NumberLeaf, OrderIsLeaf, OrderNumberLeaf
from caveat.compile.program import CompiledRule, Program
from caveat.compile.serial import seal
from caveat.evaluators.closures import Closures
from caveat.evaluators.inprocess import InprocessEvaluator
from caveat.evaluators.outcome import Outcome
from caveat.evaluators.reference import ReferenceEvaluator
from caveat.evaluators.sheets import Entry, laid_out
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.findings.severity import Status
from caveat.intervals import Interval
from caveat.units import parse_unit
from strategies import patients, programs
from strategies.sources import Seeded

UNITS = {"weight": "kg", "potassium": "mmol/L", "serum_creatinine": "mg/dL", "age": "a", "daily_dose": "mg/d"}
STEPS = [Fraction(n, 2) for n in range(1, 41)]
"""Few enough that a value often is a limit itself."""


def rule(index: int, when: Node, first: tuple[str, ...] = ("baclofen",)) -> CompiledRule:
    template = programs.rule(Seeded(1), 0)
    return replace(
        template,
        id=f"r.{index}",
        subject="order",
        first=first,
        second=(),
        when=when,
        unless=(),
        supersedes=(),
    )


def sealed(conditions: list[Node]) -> Program:
    return seal("test", tuple(rule(i, when) for i, when in enumerate(conditions)))


@st.composite
def limits(draw: st.DrawFn) -> NumberLeaf | OrderNumberLeaf:
    fact = draw(st.sampled_from(sorted(UNITS)))
    factor = parse_unit(UNITS[fact]).factor
    low, high = sorted(draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=2)))
    kind = draw(st.sampled_from(("below", "above", "range")))
    target = Interval(
        None if kind == "below" else low * factor,
        None if kind == "above" else high * factor,
        kind != "below" and draw(st.booleans()) and low < high,
        kind != "above" and draw(st.booleans()) and low < high,
    )
    negated = draw(st.integers(0, 9)) == 0
    if fact == "daily_dose":
        return OrderNumberLeaf(0, fact, target, UNITS[fact], "", negated)
    within = draw(st.sampled_from((None, None, 30))) if fact != "age" else None
    return NumberLeaf(fact, target, UNITS[fact], "", within=within, negated=negated)


GUARDS = (
    OrderIsLeaf(0, "route", ("oral",)),
    KnownLeaf("potassium"),
    KnownLeaf("weight", negated=True),
    OrderIsLeaf(0, "tapered", ("true",)),
)


@st.composite
def conditions(draw: st.DrawFn) -> Node:
    parts: list[Node] = draw(st.lists(limits(), min_size=1, max_size=2))
    parts += draw(st.lists(st.sampled_from(GUARDS), max_size=2))
    return All(tuple(draw(st.permutations(parts)))) if len(parts) > 1 else parts[0]


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    number = st.sampled_from(STEPS).map(lambda step: f"{float(step):g}")
    observations = [
        {
            "concept": name,
            "value": f"{draw(st.sampled_from(('', '', '', '<')))}{draw(number)} {UNITS[name]}",
            "at": draw(st.sampled_from(("2026-01-10", "2025-06-01", "2026-01"))),
        }
        for name in ("weight", "potassium", "serum_creatinine")
        for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2))))
    ]
    order: dict[str, Any] = {"id": "o1", "text": "baclofen", "status": "active"}
    order |= {"route": draw(st.sampled_from(("oral", "intrathecal", None)))}
    if draw(st.booleans()):
        order |= {"dose": f"{draw(number)} mg", "frequency": f"{draw(st.integers(1, 2))} /d"}
    age = {} if draw(st.booleans()) else {"age": f"{draw(st.integers(0, 21))} a"}
    return {"id": "p", "orders": [order], "observations": observations, **age}


def shown(outcomes: list[Outcome]) -> list[tuple[str, tuple[str, ...], Status]]:
    return [(o.rule.id, o.subject.order_ids, o.status) for o in outcomes if o.status is not Status.NOT_MET]


@given(st.lists(conditions(), min_size=1, max_size=40), records())
def test_rules_on_a_sheet_hold_as_the_reference_says(asked: list[Node], record: dict[str, Any]) -> None:
    program, patient = sealed(asked), patients.patient(record)
    expected = ReferenceEvaluator(program).outcomes(patients.chart(patient))
    for written_after in (0, 16):
        found = InprocessEvaluator(program, written_after).outcomes(patients.chart(patient))
        assert shown(found) == shown(expected)


@given(st.lists(limits(), min_size=1, max_size=6), records())
def test_numbers_within_the_quiet_span_of_every_limit_cross_none(
    asked: list[NumberLeaf | OrderNumberLeaf], record: dict[str, Any]
) -> None:
    """What is passed over because of its numbers alone is what the reference finds nothing for."""
    program, patient = sealed(list(asked)), patients.patient(record)
    evaluator, chart = InprocessEvaluator(program), patients.chart(patient)
    expected = ReferenceEvaluator(program).outcomes(patients.chart(patient))
    assert shown(evaluator.outcomes(chart)) == shown(expected)
    rules = evaluator.about("baclofen")
    assert rules is not None
    if rules.quiet is not None and passed_over(rules.quiet, chart):
        assert shown(expected) == []


def passed_over(quiet: tuple[tuple[Any, float, float], ...], chart: Chart) -> bool:
    read = [(reader(chart, chart.current[0]), low, high) for reader, low, high in quiet]
    return all(value is not None and low < value < high for value, low, high in read)


@pytest.mark.parametrize(
    ("potassium", "passed"),
    [
        ("4.0", True),
        ("3.5", False),
        ("3.4", False),
        ("5.5", False),
        ("5.6", False),
        ("<4", False),
        (None, False),
    ],
)
def test_a_number_at_a_limit_or_without_a_plain_value_is_asked(potassium: str | None, passed: bool) -> None:
    factor = parse_unit("mmol/L").factor
    low = NumberLeaf("potassium", Interval(None, Fraction(7, 2) * factor), "mmol/L", "")
    high = NumberLeaf("potassium", Interval(Fraction(11, 2) * factor, None), "mmol/L", "")
    evaluator = InprocessEvaluator(sealed([low, high]))
    record: dict[str, Any] = {"id": "p", "orders": [{"id": "o1", "text": "baclofen", "status": "active"}]}
    if potassium is not None:
        value = f"{potassium} mmol/L"
        record["observations"] = [{"concept": "potassium", "value": value, "at": "2026-01-10"}]
    chart = patients.chart(patients.patient(record))
    rules = evaluator.about("baclofen")
    assert rules is not None
    assert rules.quiet is not None
    assert passed_over(rules.quiet, chart) is passed
    assert (evaluator.outcomes(chart) == []) is passed


def test_a_number_that_cannot_be_read_fails_its_rules_and_no_record() -> None:
    evaluator = InprocessEvaluator(sealed([NumberLeaf("weight", Interval(Fraction(1), None), "kg", "")]))
    chart = patients.chart(
        patients.patient({"id": "p", "orders": [{"id": "o1", "text": "baclofen", "status": "active"}]})
    )
    rules = evaluator.about("baclofen")
    assert rules is not None

    def broken(chart: Chart, view: Any) -> float:
        raise ZeroDivisionError

    rules.quiet = ((broken, 0.0, 1.0),)
    assert [outcome.status for outcome in evaluator.outcomes(chart)] == [Status.CANNOT_ASSESS]


def test_only_the_limits_that_a_value_has_crossed_are_touched() -> None:
    """A thousand limits on one number: a value that crosses three touches three."""
    factor = parse_unit("mmol/L").factor
    entries = [
        Entry.of(
            i,
            rule(i, NumberLeaf("potassium", Interval(Fraction(10 + i, 2) * factor, None), "mmol/L", "")),
            Closures(),
        )
        for i in range(1000)
    ]
    sheet = laid_out(entries, Closures())
    (ladder,) = sheet.ladders
    value = float(6 * factor)
    assert len(ladder.crossed(value)) == 3
    assert len(ladder.crossed(float(4 * factor))) == 0


def test_a_product_of_two_ingredients_is_judged_once_by_a_rule_on_both() -> None:
    both = ("hydrochlorothiazide", "lisinopril")
    program = seal(
        "test", (rule(0, Always(), both), rule(1, Always(), both[:1]), rule(2, Always(), both[1:]))
    )
    order = {"id": "o1", "text": "Lisinopril / hydrochlorothiazide 10 mg / 12.5 mg tablet"}
    patient = patients.patient({"id": "p", "orders": [{**order, "status": "active"}]})
    chart = patients.chart(patient)
    assert set(chart.current[0].ingredients) == set(both)
    found = shown(InprocessEvaluator(program).outcomes(chart))
    assert [name for name, _, _ in found] == ["r.0", "r.1", "r.2"]
    assert found == shown(ReferenceEvaluator(program).outcomes(patients.chart(patient)))


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_rule_that_raises_leaves_the_others_on_its_sheet_as_they_are(broken: int) -> None:
    asked: list[Node] = [
        NumberLeaf("weight", Interval(Fraction(1), None), "kg", ""),
        Always(),
        OrderIsLeaf(0, "route", ("oral",)),
    ]
    asked[broken] = All((asked[broken], OrderIsLeaf(0, "no_such_property", ("true",))))
    program = sealed(asked)
    order = {"id": "o1", "text": "baclofen", "status": "active", "route": "oral"}
    patient = patients.patient({"id": "p", "weight": "70 kg", "orders": [order]})
    found = shown(InprocessEvaluator(program).outcomes(patients.chart(patient)))
    assert found == shown(ReferenceEvaluator(program).outcomes(patients.chart(patient)))
    assert [status is Status.ERROR for _, _, status in found] == [i == broken for i in range(3)]


def test_views_of_orders_are_told_apart_by_identity() -> None:
    """Two orders that say the same are two: what is kept of one is not taken for the other."""
    same = {"text": "baclofen", "status": "active", "dose": "10 mg", "frequency": "3 /d"}
    patient = patients.patient({"id": "p", "orders": [{"id": "o1", **same}, {"id": "o2", **same}]})
    chart: Chart = patients.chart(patient)
    one, other = chart.current
    assert isinstance(one, OrderView)
    assert one != other
    assert one.recognised is other.recognised
