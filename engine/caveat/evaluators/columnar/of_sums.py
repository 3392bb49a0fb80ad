"""Leaves that count or add up the current medicines of a patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any

from caveat.compile.nodes import CountLeaf, SumLeaf
from caveat.evaluators.columnar.arrays import distinct
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.ranges import compare, compare_span
from caveat.evaluators.columnar.truths import Names, Truths, alone, decide
from caveat.intervals import Interval, exactly, inside

_ONE = exactly(1)
MOST_NAMES = 12
"""Facts that the condition on each order can miss; with more, an open one is judged one record at a time."""


def counted(facts: Facts) -> Any:
    """Current orders as counts take them: see `caveat.facts.identify.counted`."""
    return facts.orders.counted


def _doubtful(facts: Facts) -> Any:
    """Counted orders a patient that are not recognised."""
    import numpy as np

    if "doubtful" not in facts.memo:
        orders = facts.orders
        odd = orders.counted & orders.products.unrecognised[orders.products.codes]
        facts.memo["doubtful"] = np.bincount(orders.rows[odd], minlength=facts.count)
    return facts.memo["doubtful"]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The counted orders in scope that a leaf goes over: `sure` are certainly meant, the others may be.

    `lacking` are bits of `names` for what leaves an order open, `hard` the orders that must be judged
    one record at a time.
    """

    at: Any
    sure: Any
    lacking: Any
    names: tuple[str, ...]
    hard: Any


@dataclass(frozen=True, slots=True)
class _People:
    """The patients of a frame, each once: their `rows`, and the `place` of each row among them."""

    rows: Any
    place: Any

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.rows)


def _people(facts: Facts, frame: Frame) -> _People:
    import numpy as np

    place = np.full(facts.count, -1, np.int32)
    place[frame.rows] = 0
    rows = np.flatnonzero(place == 0)
    place[rows] = np.arange(len(rows))
    return _People(rows, place)


def _chosen(
    leaf: CountLeaf | SumLeaf, facts: Facts, ingredients: tuple[str, ...], people: _People
) -> _Chosen:
    """As `caveat.evaluators.totals.chosen` has it."""
    import numpy as np

    from caveat.evaluators.columnar.judging import leaf_truths

    number = facts.known.catalogue.number
    at = facts.by_ingredient("current").of_any(tuple([number[n] for n in ingredients if n in number]))
    at = at[(people.place[facts.orders.rows[at]] >= 0) & facts.orders.counted[at]]
    if leaf.where is None:
        every = np.ones(len(at), np.bool_)
        return _Chosen(at, every, np.zeros(len(at), np.int64), (), ~every)
    frame, names = Frame(facts.orders.rows[at], at), Names()
    found = decide(leaf.where, lambda one, places: leaf_truths(one, facts, frame, places), None, len(at))
    hard = found.low != found.high
    open_ = np.flatnonzero(found.open())
    lacking = np.zeros(len(at), np.int64)
    lacking[open_] = found.lacking(open_, names)
    if len(names.bits) > MOST_NAMES:
        hard = hard | (found.low == 1)
        lacking = np.zeros(len(at), np.int64)
    kept = np.flatnonzero((found.high > 0) | hard)
    each = tuple(names.bits)[:MOST_NAMES]
    return _Chosen(at[kept], found.low[kept] == 2, lacking[kept], each, hard[kept])


def count(leaf: CountLeaf, facts: Facts, frame: Frame) -> Truths:
    """How many orders or ingredients there are of some; unrecognised orders may be among them."""
    people = _people(facts, frame)
    return _count(leaf, facts, people).at(people.place[frame.rows])


def _count(leaf: CountLeaf, facts: Facts, people: _People) -> Truths:
    import numpy as np

    chosen, doubtful = _chosen(leaf, facts, leaf.ingredients, people), _doubtful(facts)[people.rows]
    row = people.place[facts.orders.rows[chosen.at]]
    low = _number(leaf, facts, chosen.at[chosen.sure], row[chosen.sure], people).astype(np.float64)
    high = low if chosen.sure.all() else _number(leaf, facts, chosen.at, row, people)
    high = high + doubtful.astype(np.float64)
    high[facts.completeness("orders")[people.rows] == 2] = np.nan
    hard = np.zeros(people.count, np.bool_)
    hard[row[chosen.hard]] = True
    unsaid = _lacking(chosen, row, people)
    own = 1 << len(chosen.names)
    unsaid |= np.where((doubtful > 0) | (unsaid == 0), own, 0)
    truth = _counted(leaf, facts, compare_span(low, high, leaf.target), people)
    return _open(facts, truth, hard, (*chosen.names, "orders"), unsaid, own, people)


def _number(leaf: CountLeaf, facts: Facts, at: Any, row: Any, people: _People) -> Any:
    """Orders or different ingredients of the scope, a patient each."""
    import numpy as np

    if leaf.by == "order":
        return np.bincount(row, minlength=people.count)
    wanted = facts.known.catalogue.among(leaf.ingredients)
    which, names = facts.orders.ingredients(at)
    kept = wanted[names]
    keys = row[which[kept]].astype(np.int64) * len(wanted) + names[kept]
    return np.bincount(distinct(keys) // len(wanted), minlength=people.count)


def _lacking(chosen: _Chosen, row: Any, people: _People) -> Any:
    """What leaves open whether orders are meant, a patient each."""
    import numpy as np

    found = np.zeros(people.count, np.int64)
    open_ = np.flatnonzero(~chosen.sure)
    np.bitwise_or.at(found, row[open_], chosen.lacking[open_])
    return found


def _counted(leaf: CountLeaf | SumLeaf, facts: Facts, truth: Any, people: _People) -> Any:
    """`caveat.evaluators.totals.no_more_than_listed` of the truths of a span."""
    import numpy as np

    if leaf.negated:
        truth = (2 - truth).astype(np.int8)
    bound = leaf.target.low if leaf.negated else leaf.target.high
    if bound is not None:
        truth[(truth == 2) & (facts.completeness("orders")[people.rows] != 0)] = 1
    return truth


def _open(
    facts: Facts,
    truth: Any,
    hard: Any,
    names: tuple[str, ...],
    lacking: Any,
    orders: int,
    people: _People,
) -> Truths:
    """The truths, UNKNOWN for want of `orders` where there is no list of them."""
    import numpy as np

    listed = facts.listed("orders")[people.rows]
    truth[~listed] = 1
    return alone(truth, hard & listed, *names, lacking=np.where(listed, lacking, orders))


def total(leaf: SumLeaf, facts: Facts, frame: Frame) -> Truths:
    """A weighted sum over medicines: of doses, or of the weights alone."""
    people = _people(facts, frame)
    return _sum(leaf, facts, people).at(people.place[frame.rows])


@dataclass(frozen=True, slots=True)
class _Terms:
    """What each ingredient of each order adds: the order's place among those chosen, weight, lowest, highest.

    `exact(i)` is entry i exactly, `missing` where something of it is, `odd` what is judged alone.
    """

    which: Any
    low: Any
    high: Any
    missing: Any
    odd: Any
    exact: Any


def _sum(leaf: SumLeaf, facts: Facts, people: _People) -> Truths:
    import numpy as np

    count = people.count
    chosen = _chosen(leaf, facts, tuple(name for name, weight in leaf.weights if weight.low), people)
    terms, goal = _terms(leaf, facts, chosen), leaf.target
    if leaf.times is None:
        terms, goal = _whole(leaf, terms)
    rows = people.place[facts.orders.rows[chosen.at]]
    row, sure = rows[terms.which], chosen.sure[terms.which]
    low = np.bincount(row, np.where(sure, terms.low, 0.0), minlength=count).astype(np.float64)
    high = np.bincount(row, terms.high, minlength=count).astype(np.float64)
    doubtful = _doubtful(facts)[people.rows] > 0
    high[(facts.completeness("orders")[people.rows] == 2) | doubtful] = np.nan
    hard, vague = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    hard[rows[chosen.hard]] = True
    hard[row[terms.odd]] = True
    vague[row[terms.missing]] = True
    truth = compare_span(low, high, goal)
    # whole numbers are told exactly as they are
    close = np.flatnonzero(compare(low, high, goal)[1][row]) if leaf.times else row[:0]
    for place, held in _exactly(row[close], sure[close], close, terms).items():
        top = None if np.isnan(high[place]) else held.high
        truth[place] = inside(Interval(held.low, top), leaf.target)
    unsaid = _lacking(chosen, rows, people)
    first = len(chosen.names)
    unsaid |= np.where(vague, 1 << first, 0)
    own = 2 << first
    unsaid |= np.where(doubtful | (unsaid == 0), own, 0)
    names = (*chosen.names, leaf.times or "orders", "orders")
    return _open(facts, _counted(leaf, facts, truth, people), hard, names, unsaid, own, people)


def _terms(leaf: SumLeaf, facts: Facts, chosen: _Chosen) -> _Terms:
    """Of a combination product each ingredient adds its own part."""
    import numpy as np

    orders, amounts = facts.orders, facts.known.amounts
    number = facts.known.catalogue.number
    weights = {number[n]: weight.low for n, weight in leaf.weights if weight.low and n in number}
    table = np.zeros(len(number))
    for name, one in weights.items():
        table[name] = float(one)
    which, names = orders.ingredients(chosen.at)
    kept = np.flatnonzero(table[names] != 0)
    which, names = which[kept], names[kept]
    weight = table[names]
    if leaf.times is None:
        no = np.zeros(len(which), np.bool_)
        return _Terms(which, weight, weight, no, no, lambda i: _weighed(weights[int(names[i])], _ONE))
    times, unit = leaf.times, leaf.unit
    combinations = facts.combinations().numbers(chosen.at, amounts)[which]
    parts = np.where(orders.products.several[orders.products.codes[chosen.at[which]]], names, -1)
    low, high = np.zeros(len(which)), np.zeros(len(which))
    missing, odd = np.zeros(len(which), np.bool_), np.zeros(len(which), np.bool_)

    def of(part: int) -> tuple[str, ...]:
        return () if part < 0 else (facts.known.catalogue.names[part],)

    for part in np.unique(parts).tolist():
        some = np.flatnonzero(parts == part)
        found = amounts.spans(times, unit, combinations[some], of(part))
        low[some], high[some] = found.low, found.high
        missing[some], odd[some] = found.missing, found.odd

    def exact(i: int) -> Interval:
        held = amounts.exact(times, unit, int(combinations[i]), of(int(parts[i])))
        return _weighed(weights[int(names[i])], held)

    return _Terms(which, low * weight, high * weight, missing, odd, exact)


def _whole(leaf: SumLeaf, terms: _Terms) -> tuple[_Terms, Interval]:
    """Weights as whole numbers, and the range in the same measure."""
    import numpy as np

    scale = lcm(*(weight.low.denominator for _, weight in leaf.weights if weight.low))
    numbers = np.rint(terms.low * scale)
    low, high = leaf.target.low, leaf.target.high
    goal = replace(
        leaf.target,
        low=None if low is None else low * scale,
        high=None if high is None else high * scale,
    )
    return replace(terms, low=numbers, high=numbers), goal


def _weighed(weight: Fraction, amount: Interval) -> Interval:
    return Interval(weight * (amount.low or 0), None if amount.high is None else weight * amount.high)


def _exactly(rows: Any, sure: Any, places: Any, terms: _Terms) -> dict[int, Interval]:
    """Exact sums of the patients whose sum floating point cannot tell from a bound."""
    found: dict[int, Interval] = {}
    for row, certain, place in zip(rows.tolist(), sure.tolist(), places.tolist(), strict=True):
        term, held = terms.exact(place), found.get(row, exactly(0))
        low = (held.low or Fraction(0)) + ((term.low or 0) if certain else 0)
        top = None if held.high is None or term.high is None else held.high + term.high
        found[row] = Interval(low, top)
    return found
