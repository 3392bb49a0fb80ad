"""Where a number that rises or falls passes a limit, and what is concluded between such places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, Protocol

from caveat.authoring.changed import with_number
from caveat.compile.nodes import Leaf, NumberLeaf, OrderNumberLeaf, SumLeaf
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.assemble import once_a_pair, superseded
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.facts.order_numbers import order_number
from caveat.facts.patient import Patient
from caveat.facts.values import Quantity
from caveat.findings.severity import Status
from caveat.intervals import Interval

Shown = frozenset[tuple[str, tuple[str, ...], str]]
"""Rule, subject and status of everything that is shown."""
Side = Callable[[Chart], int]
"""Where a value lies of a limit, as a number that changes only where the value passes it."""
NARROW: Final = Fraction(1, 10**10)
"""How near, as a share of the value, a place is found; a shorter number so near is taken to be it."""


SMALLEST: Final = Fraction(1, 1000)
"""Below this no place is looked for more finely: no measured value is so small."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of values over which the same is concluded; None is no limit, an open end is not in it."""

    low: Fraction | None
    high: Fraction | None
    low_open: bool
    high_open: bool
    shown: Shown


@dataclass(frozen=True, slots=True)
class Tipping:
    """A value at which the conclusion changes, read upwards.

    `closed` says that the value itself belongs to what lies above it, `exact` that it is not
    rounded. `gained` and `lost` are the rules of alerts that come and go, `opened` and `settled`
    those that can no longer, or again, be assessed.
    """

    at: Fraction
    exact: bool
    closed: bool
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    opened: tuple[str, ...]
    settled: tuple[str, ...]


class Search(Protocol):
    """What is searched: a record, the rules, and how they are judged."""

    patient: Patient
    rules: Ruleset
    day: int
    only: str | None
    evaluator: Any

    def leaves_out(self, name: str) -> frozenset[str]: ...
    def chart(self, patient: Patient) -> Chart: ...


class Evaluations:
    """What is concluded at each value of one number, computed once a value."""

    def __init__(self, search: Search, name: str, unit: str) -> None:
        self._search, self._name, self._unit = search, name, unit
        self._charts: dict[Fraction, Chart] = {}
        self._shown: dict[Fraction, Shown] = {}
        self._left_out = search.leaves_out(name)
        self.exact: set[Fraction] = set()

    def chart(self, value: Fraction) -> Chart:
        """The record with the number at that value."""
        found = self._charts.get(value)
        if found is None:
            search = self._search
            given = Quantity(decimal(value), self._unit)
            changed = with_number(search.patient, self._name, given, search.rules.terminology, search.day)
            self._charts[value] = found = search.chart(changed)
        return found

    def shown(self, value: Fraction) -> Shown:
        """What is shown at that value."""
        if value not in self._shown:
            search = self._search
            outcomes = search.evaluator.outcomes(self.chart(value))
            kept = once_a_pair([o for o in outcomes if o.status is not Status.NOT_MET])
            hidden = superseded(kept)
            self._shown[value] = frozenset(
                (o.rule.id, (*o.subject.order_ids, *o.subject.allergy_ids), o.status.value)
                for index, o in enumerate(kept)
                if index not in hidden
                and o.rule.id not in self._left_out
                and (search.only is None or o.rule.id == search.only)
            )
        return self._shown[value]

    def crossings(self, side: Side, low: Fraction, high: Fraction) -> Iterator[Fraction]:
        """Every value from `low` to `high` at which `side` changes, to ten digits."""
        waiting = [(low, side(self.chart(low)), high, side(self.chart(high)))]
        while waiting:
            a, at_a, b, at_b = waiting.pop()
            if at_a == at_b:
                continue
            if b - a <= max(abs(b), SMALLEST) * NARROW:
                place = simplest(a, b)
                if digits(place) <= 7:
                    self.exact.add(place)
                yield place
                continue
            middle = _between(a, b)
            at_middle = side(self.chart(middle))
            waiting += [(a, at_a, middle, at_middle), (middle, at_middle, b, at_b)]


def sides(leaf: Leaf, orders: Sequence[str]) -> Iterator[Side]:
    """One a limit of the leaf and value that it looks at."""
    if not isinstance(leaf, (NumberLeaf, OrderNumberLeaf, SumLeaf)):
        return
    for end in (leaf.target.low, leaf.target.high):
        if end is None:
            continue
        if isinstance(leaf, NumberLeaf):
            yield _of_patient(leaf, end)
        elif isinstance(leaf, SumLeaf):
            yield _of_sum(leaf, end)
        else:
            for order in orders:
                yield _of_order(leaf, end, order)


def _of_patient(leaf: NumberLeaf, end: Fraction) -> Side:
    def side(chart: Chart) -> int:
        found = number(chart, leaf.fact, leaf.unit, leaf.pick, leaf.within, leaf.using)
        return _side(found.interval, end)

    return side


def _of_sum(leaf: SumLeaf, end: Fraction) -> Side:
    at_least = replace(leaf, target=Interval(low=end), negated=False)
    above = replace(leaf, target=Interval(low=end, low_open=True), negated=False)

    def side(chart: Chart) -> int:
        nobody = Subject()
        return 3 * judge(at_least, chart, nobody).truth + judge(above, chart, nobody).truth

    return side


def _of_order(leaf: OrderNumberLeaf, end: Fraction, order: str) -> Side:
    def side(chart: Chart) -> int:
        view = next(one for one in chart.views if one.id == order)
        return _side(order_number(chart, view, leaf.prop, leaf.of).interval, end)

    return side


def _side(value: Interval | None, end: Fraction) -> int:
    """-9 for unknown; else where each end of the value lies: below, at or above."""
    if value is None:
        return -9
    low = -1 if value.low is None or value.low < end else int(value.low > end)
    high = 1 if value.high is None or value.high > end else -int(value.high < end)
    return 3 * low + high


def _between(low: Fraction, high: Fraction) -> Fraction:
    """A number of few digits between two: by magnitude while they are far apart, else near the middle."""
    if low > 0 and high > 4 * low:
        root = Fraction(float(low * high) ** 0.5)
        return simplest(root * Fraction(9, 10), root * Fraction(11, 10))
    quarter = (high - low) / 4
    return simplest(low + quarter, high - quarter)


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The number from `low` to `high` with the fewest decimals."""
    if low <= 0 <= high:
        return Fraction(0)
    step = Fraction(10) ** (len(str(int(max(abs(low), abs(high))))) - 1)
    while True:
        found = -(-low // step) * step
        if found <= high:
            return found
        step /= 10


def decimal(value: Fraction) -> Decimal:
    """The same as a decimal; of one that has no end, 28 digits."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def digits(value: Fraction) -> int:
    """How many digits it is written with."""
    return len(decimal(value).normalize().as_tuple().digits)


def spans_of_places(
    places: Sequence[Fraction], low: Fraction, high: Fraction, at: Evaluations
) -> tuple[Span, ...]:
    """The spans between and at the places, neighbours that conclude the same put together."""
    inner = [place for place in places if low < place < high]
    marks = [low, *inner, high]
    found: list[Span] = []
    for index, (a, b) in enumerate(pairwise(marks)):
        if index:
            found.append(Span(a, a, False, False, at.shown(a)))
        found.append(
            Span(
                a if index else None,
                b if index < len(inner) else None,
                bool(index),
                index < len(inner),
                at.shown(_between(a, b)),
            )
        )
    return _joined(found)


def spans_of_steps(steps: Sequence[Fraction], at: Evaluations) -> tuple[Span, ...]:
    """The spans of a number that counts up in steps: each holds from its step until the next."""
    found = []
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        found.append(
            Span(
                step if index else None,
                None if last else steps[index + 1],
                False,
                not last,
                at.shown(step),
            )
        )
    return _joined(found)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    kept: list[Span] = []
    for one in spans:
        if kept and kept[-1].shown == one.shown:
            before = kept.pop()
            one = Span(before.low, one.high, before.low_open, one.high_open, one.shown)
        kept.append(one)
    return tuple(kept)


def tippings(spans: Sequence[Span], exact: set[Fraction]) -> tuple[Tipping, ...]:
    """The places between spans, read upwards."""
    found = []
    for before, after in pairwise(spans):
        assert after.low is not None
        one, two = _alerts(before.shown), _alerts(after.shown)
        open_one, open_two = _open(before.shown), _open(after.shown)
        found.append(
            Tipping(
                after.low,
                after.low in exact,
                not after.low_open,
                tuple(sorted(two - one)),
                tuple(sorted(one - two)),
                tuple(sorted(open_two - open_one)),
                tuple(sorted(open_one - open_two)),
            )
        )
    return tuple(found)


def _alerts(shown: Shown) -> set[str]:
    return {rule for rule, _, status in shown if status == Status.FIRES.value}


def _open(shown: Shown) -> set[str]:
    return {rule for rule, _, status in shown if status in (Status.CANNOT_ASSESS.value, Status.ERROR.value)}
