"""Choices answered from plain values: Child-Pugh class, pregnancy and how far it is, lactation, sex, context.

Each answer is the one that `facts.choices` gives, without what it rests on. None says "ask the
exact way". `touched` are the value sets that a listed condition is or may be in, None where
absence is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import nan
from typing import Any

from caveat.facts import quick
from caveat.facts.catalog import CHOICES, NumberFact, described
from caveat.facts.chart import Chart
from caveat.facts.choices import CHILDBEARING
from caveat.facts.gestation import INPUTS, week
from caveat.facts.problems_list import views
from caveat.facts.quick import MARGIN
from caveat.terminology.concepts import Terminology
from caveat.units import parse_unit

_SIGNS = ("ascites", "hepatic-encephalopathy")
_KINDS = {"pregnant": "pregnancy", "lactating": "lactation"}
_TRUE, _FALSE = frozenset({"true"}), frozenset({"false"})
_EITHER = _TRUE | _FALSE
_ONE = {name: frozenset({name}) for values in CHOICES.values() for name in values}
_ALL = {fact: frozenset(values) for fact, values in CHOICES.items()}


Describe = Callable[[Terminology], NumberFact | None]
Lab = tuple[str, Describe, str, float, float, Fraction, Fraction]


def _limits(concept: str, unit: str, middle: str, high: str) -> Lab:
    size = parse_unit(unit).factor
    low, upper = Fraction(middle) * size, Fraction(high) * size
    return concept, described(concept), unit, float(low), float(upper), low, upper


_LABS = (
    _limits("bilirubin_total", "mg/dL", "2", "3"),
    _limits("albumin", "g/dL", "2.8", "3.5"),
    _limits("inr", "1", "1.7", "2.3"),
)


def possible(chart: Chart, fact: str, touched: frozenset[str] | None) -> frozenset[str] | None:
    """Every value the fact may have; None where only the exact way can tell."""
    if fact == "child_pugh_class":
        memo = chart.memo
        if "quick child-pugh" not in memo:
            memo["quick child-pugh"] = child_pugh(chart, touched)
        return memo["quick child-pugh"]  # type: ignore[no-any-return]
    if fact in _KINDS:
        return reproductive(chart, fact, touched)
    if fact not in _ALL:
        return None
    patient = chart.patient
    value: Any = patient.sex if fact == "sex" else getattr(patient.context, fact[8:])
    if value is None:
        return _ALL[fact]
    if value is True:
        return _TRUE
    return _FALSE if value is False else _ONE.get(value)


def reproductive(chart: Chart, fact: str, touched: frozenset[str] | None) -> frozenset[str] | None:
    """As stated; with nothing recorded, a male is not, nor a person under 8 or from 60 years on."""
    patient = chart.patient
    stated = getattr(patient, fact)
    if stated is not None:
        return _TRUE if stated else _FALSE
    if touched is None or _KINDS[fact] in touched:
        return None
    if patient.sex == "male":
        return _FALSE
    lived = quick.years(chart)
    if lived is None:
        return None
    if not CHILDBEARING[0] <= lived < CHILDBEARING[1] or patient.complete.conditions == "closed":
        return _FALSE
    return _EITHER


def gestation(chart: Chart) -> float | None:
    """NAN where nothing recorded says how far a pregnancy is; None where something does, or may."""
    if chart.patient.gestation is not None or not quick.entries(chart).keys().isdisjoint(INPUTS):
        return None
    for view in views(chart) or ():
        for code in view.condition.codes:
            if week(code.system, code.code) is not None:
                return None
    return nan


def child_pugh(chart: Chart, touched: frozenset[str] | None) -> frozenset[str] | None:
    """The classes that plain laboratory values allow, without recorded ascites or encephalopathy."""
    if touched is None or chart.patient.child_pugh is not None or not touched.isdisjoint(_SIGNS):
        return None
    recorded = quick.entries(chart)
    if "child_pugh_score" in recorded:
        return None
    low = high = 2
    for concept, describe, unit, middle, upper, exact_middle, exact_upper in _LABS:
        if concept not in recorded:
            low, high = low + 1, high + 3
            continue
        fact = describe(chart.terminology)
        value = None if fact is None else quick.latest(chart, concept, unit, fact.analyte, None)
        if value is None:
            return None
        if value != value:
            low, high = low + 1, high + 3
            continue
        if abs(value - middle) <= middle * MARGIN or abs(value - upper) <= upper * MARGIN:
            exact = quick.exactly(chart, concept, unit, None if fact is None else fact.analyte)
            if exact is None or exact.low is None:
                return None
            points = 1 if exact.low < exact_middle else 2 if exact.low <= exact_upper else 3
        else:
            points = 1 if value < middle else 2 if value < upper else 3
        if concept == "albumin":
            points = 4 - points
        low, high = low + points, high + points
    return _classes(low, high)


def _classes(low: int, high: int) -> frozenset[str]:
    found = ("A" if low <= 6 else "") + ("B" if low <= 9 and high >= 7 else "") + ("C" if high >= 10 else "")
    return _CLASSES[found]


_CLASSES = {name: frozenset(name) for name in ("A", "B", "C", "AB", "BC", "ABC")}
