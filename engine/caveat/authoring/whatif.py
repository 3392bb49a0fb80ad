"""Tipping points: the values of each number at which what the rules conclude changes.

They are computed from the limits in the rules, not sampled. What is concluded can change only
where some number that a rule asks for passes one of that rule's limits; those places are found
for the number itself, and for everything that is derived from it, by halving: each derived number
of the catalogue rises or falls with each of its inputs and never turns. Between two such places
nothing changes, so one evaluation there settles the whole span.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from caveat.authoring.changed import settable
from caveat.authoring.tipping import (
    Evaluations,
    Span,
    Tipping,
    sides,
    spans_of_places,
    spans_of_steps,
    tippings,
)
from caveat.compile.nodes import (
    ChoiceLeaf,
    DoseMultipleLeaf,
    Leaf,
    NumberLeaf,
    OrderNumberLeaf,
    asked_of_each,
)
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.screen import build, ordinal
from caveat.evaluators.subjects import subjects
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.identify import Selection
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from caveat.intervals import Interval
from caveat.units import parse_unit

INPUTS: Final[dict[str, tuple[str, ...]]] = {
    "creatinine_clearance": ("serum_creatinine", "weight", "height", "age"),
    "egfr": ("serum_creatinine", "height", "age"),
    "bmi": ("weight", "height"),
    "bsa": ("weight", "height"),
    "ideal_weight": ("height",),
    "adjusted_weight": ("weight", "height"),
    "child_pugh_score": ("bilirubin_total", "albumin", "inr"),
    "qtc": ("qtc_interval", "qt_interval", "heart_rate"),
    "qtc_bazett": ("qt_interval", "heart_rate"),
}
RANGES: Final = {
    "weight": (Fraction(1, 5), Fraction(700)),
    "height": (Fraction(20), Fraction(280)),
    "creatinine_clearance": (Fraction(0), Fraction(1000)),
    "egfr": (Fraction(0), Fraction(1000)),
    "gestation": (Fraction(0), Fraction(45)),
}
"""The values looked at, in the unit of the fact; for a measured one, those the vocabulary holds possible."""
WIDEST: Final = (Fraction(1, 1000), Fraction(100_000))
OLDEST: Final = 120
_DOSES: Final = frozenset(("dose", "daily_dose", "dose_per_weight", "daily_dose_per_weight"))


@dataclass(frozen=True, slots=True)
class FactPoints:
    """One number: its value now (None: not known), and where what is concluded changes.

    `left_out` are rules that turn at every step of the number, such as whole tablets.
    """

    fact: str
    unit: str
    now: str | None
    spans: tuple[Span, ...]
    points: tuple[Tipping, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Tipping points of each number that matters to a record; `not_varied` names those that cannot be set."""

    patient: str
    as_of: str
    facts: tuple[FactPoints, ...]
    not_varied: tuple[str, ...] = ()


def tipping_points(
    patient: Patient,
    rules: Ruleset,
    as_of: str | dt.date,
    facts: Iterable[str] | None = None,
    *,
    selection: Selection = "active",
    only: str | None = None,
) -> WhatIf:
    """The tipping points of the record, one number at a time, all others as they are.

    `facts` names the numbers to vary; None takes every number that a rule asks of this record, and
    what those are computed from. `only` looks at one rule alone. Raises InputError for a name that
    cannot be varied, DateError for a bad `as_of`.
    """
    day = ordinal(as_of)
    search = _Search(patient, rules, day, selection, only)
    asked = search.asked()
    if facts is None:
        names = [name for name in asked if settable(name, rules.terminology)]
        left = tuple(name for name in asked if not settable(name, rules.terminology) and name not in INPUTS)
    else:
        names, left = list(dict.fromkeys(facts)), ()
        for name in names:
            search.check(name)
    found = tuple(search.points(name) for name in names)
    return WhatIf(patient.id, dt.date.fromordinal(day).isoformat(), found, left)


def _parts(leaf: Leaf) -> tuple[Leaf, ...]:
    """The leaf; for one that asks for a Child-Pugh class, the points at which the class turns as well."""
    if not isinstance(leaf, ChoiceLeaf) or leaf.fact != "child_pugh_class":
        return (leaf,)
    points = (Interval(low=Fraction(end)) for end in range(5, 16))
    return (leaf, *(NumberLeaf("child_pugh_score", one, "1", "") for one in points))


@dataclass(slots=True)
class _Search:
    patient: Patient
    rules: Ruleset
    day: int
    selection: Selection
    only: str | None
    leaves: list[tuple[Leaf, tuple[str, ...]]] = field(default_factory=list)
    relevant: list[CompiledRule] = field(default_factory=list)
    evaluator: Any = None

    def __post_init__(self) -> None:
        chart = self.chart(self.patient)
        self.evaluator = build("inprocess", self.rules.program)
        for rule in self.rules.program.rules:
            if self.only is not None and rule.id != self.only:
                continue
            found = list(subjects(rule, chart))
            if found:
                self.relevant.append(rule)
                ids = tuple(dict.fromkeys(name for one in found for name in one.order_ids))
                self.leaves += [(part, ids) for leaf in rule.leaves() for part in _parts(leaf)]
                every = tuple(view.id for view in chart.current)
                inner = (one for leaf in rule.leaves() for one in asked_of_each(leaf))
                self.leaves += [(one, every) for one in inner]

    def chart(self, patient: Patient) -> Chart:
        return Chart(patient, self.rules.terminology, as_of=self.day, selection=self.selection)

    def asked(self) -> list[str]:
        """The numbers that rules in scope ask for, each with what it is computed from."""
        found: dict[str, None] = {}
        for leaf, orders in self.leaves:
            if isinstance(leaf, NumberLeaf):
                found[leaf.fact] = None
                found.update(dict.fromkeys(INPUTS.get(leaf.fact, ())))
            elif isinstance(leaf, OrderNumberLeaf) and leaf.prop in _DOSES:
                found.update({f"orders[{order}].dose": None for order in orders if self._dosed(order)})
                if leaf.prop.endswith("_per_weight"):
                    found["weight"] = None
            elif isinstance(leaf, OrderNumberLeaf):
                found[f"order.{leaf.prop}"] = None
        return list(found)

    def _dosed(self, order: str) -> bool:
        """Whether its dose can be varied: it is stated as one plain amount."""
        one = next((o for o in self.patient.orders or () if o.id == order), None)
        return one is not None and one.dose is not None and one.dose.upper is None and one.rate is None

    def check(self, name: str) -> None:
        from caveat.errors import InputError

        if not settable(name, self.rules.terminology):
            raise InputError(
                f"{name!r} cannot be varied",
                code="what-if-fact",
                path=name,
                hint=f"Numbers of this record: {', '.join(self.asked()) or 'none'}",
            )

    def unit(self, name: str) -> str:
        if name.startswith("orders["):
            order, prop = name[7:].split("].", 1)
            value = next((getattr(one, prop) for one in self.patient.orders or () if one.id == order), None)
            return value.unit if value is not None else "mg"
        fact = number_fact(name, self.rules.terminology)
        return fact.unit if fact is not None else "1"

    def now(self, name: str) -> str | None:
        if name.startswith("orders["):
            order, prop = name[7:].split("].", 1)
            value = next((getattr(one, prop) for one in self.patient.orders or () if one.id == order), None)
            return None if value is None else str(value)
        found = number(self.chart(self.patient), name, "a" if name == "age" else self.unit(name))
        if found.interval is None:
            return None
        from caveat.facts.derived import _shown
        from caveat.facts.numbers import in_unit

        return _shown(in_unit(found, self.unit(name)).interval, self.unit(name))

    def domain(self, name: str) -> tuple[Fraction, Fraction]:
        concepts = self.rules.terminology.tables.observations
        if name in RANGES:
            return RANGES[name]
        if name in concepts:
            low, high = self.rules.terminology.observation(name).possible
            return (
                WIDEST[0] if low is None else Fraction(str(low)),
                WIDEST[1] if high is None else Fraction(str(high)),
            )
        return WIDEST

    def points(self, name: str) -> FactPoints:
        unit = self.unit(name)
        at = Evaluations(self, name, unit)
        if name == "age":
            spans = spans_of_steps(sorted(set(self._years(at))), at)
        else:
            low, high = self.domain(name)
            spans = spans_of_places(sorted(set(self._places(at, low, high))), low, high, at)
        left = tuple(sorted(self.leaves_out(name)))
        return FactPoints(name, unit, self.now(name), spans, tippings(spans, at.exact), left)

    def leaves_out(self, name: str) -> frozenset[str]:
        """Rules about whole multiples of a dose, where a dose is varied."""
        if not name.startswith("orders["):
            return frozenset()
        return frozenset(
            rule.id
            for rule in self.relevant
            if any(isinstance(leaf, DoseMultipleLeaf) for leaf in rule.asked())
        )

    def _years(self, at: Evaluations) -> Iterator[Fraction]:
        """Age counts in completed years wherever a formula takes it, so every year is looked at."""
        at.exact.update(Fraction(year) for year in range(OLDEST + 1))
        for leaf, _ in self.leaves:
            if isinstance(leaf, NumberLeaf) and leaf.fact == "age":
                ends = (leaf.target.low, leaf.target.high)
                at.exact.update(end / parse_unit("a").factor for end in ends if end is not None)
        yield from at.exact

    def _places(self, at: Evaluations, low: Fraction, high: Fraction) -> Iterator[Fraction]:
        """Where some number that a rule asks for passes one of its limits."""
        for leaf, orders in self.leaves:
            for side in sides(leaf, orders):
                yield from at.crossings(side, low, high)
