"""Leaves that count or add up the current medicines of a patient."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from caveat.compile.nodes import CountLeaf, SumLeaf
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.ranges import compare, compare_span
from caveat.evaluators.columnar.truths import Truths, alone
from caveat.facts.identify import _same as _is_same
from caveat.intervals import Interval, inside
from caveat.units import parse_unit


def _members(facts: Facts, ingredients: tuple[str, ...]) -> tuple[Any, Any]:
    """Counted orders that are of the ingredients, as a mask of orders; and where counting is not plain."""
    import numpy as np

    orders = facts.orders
    wanted = frozenset(ingredients)
    table = np.array([not wanted.isdisjoint(v.ingredients) for v in orders.products.views], np.bool_)
    chosen = _of_products(orders, table) & counted(facts)
    return chosen, np.zeros(facts.count, np.bool_)


def counted(facts: Facts) -> Any:
    """Current orders as counts take them: see `caveat.facts.identify.counted`."""
    import numpy as np

    if "counted" in facts.memo:
        return facts.memo["counted"]
    orders = facts.orders
    found = orders.current.copy()
    views = orders.products.views
    same: dict[tuple[int, int], bool] = {}
    for place in np.flatnonzero(orders.carried_out & orders.current).tolist():
        row = orders.rows[place]
        mine = int(orders.products.codes[place])
        low, high = int(orders.lists.starts[row]), int(orders.lists.starts[row + 1])
        for other in range(low, high):
            if not orders.current[other] or orders.carried_out[other]:
                continue
            key = (mine, int(orders.products.codes[other]))
            if key not in same:
                same[key] = _is_same(views[key[0]], views[key[1]])
            if same[key]:
                found[place] = False
                break
    facts.memo["counted"] = found
    return found


def _doubtful(facts: Facts) -> Any:
    """Counted orders a patient that are not recognised."""
    import numpy as np

    orders = facts.orders
    odd = counted(facts) & _of_products(orders, orders.products.unrecognised)
    return np.bincount(orders.rows[odd], minlength=facts.count)


def _of_products(orders: Any, table: Any) -> Any:
    import numpy as np

    return table[orders.products.codes] if len(table) else np.zeros(0, np.bool_)


def count(leaf: CountLeaf, facts: Facts, frame: Frame) -> Truths:
    """How many orders or ingredients there are of some; unrecognised orders may be among them."""
    key = ("count", leaf)
    if key not in facts.memo:
        facts.memo[key] = _count(leaf, facts)
    found: Truths = facts.memo[key]
    return found.at(frame.rows)


def _count(leaf: CountLeaf, facts: Facts) -> Truths:
    import numpy as np

    orders = facts.orders
    chosen, hard = _members(facts, leaf.ingredients)
    if leaf.by == "order":
        found = np.bincount(orders.rows[chosen], minlength=facts.count)
    else:
        at = np.flatnonzero(chosen)
        several = _of_products(orders, orders.products.several)[at]
        hard[orders.rows[at[several]]] = True
        width = len(facts.known.catalogue.names)
        keys = orders.rows[at].astype(np.int64) * width + orders.products.first[orders.products.codes[at]]
        found = np.bincount(np.unique(keys) // width, minlength=facts.count)
    low = found.astype(np.float64)
    high = low + _doubtful(facts)
    high[facts.completeness("orders") == 2] = np.nan
    return _counted(leaf, facts, low, high, hard)


def _counted(
    leaf: CountLeaf | SumLeaf,
    facts: Facts,
    low: Any,
    high: Any,
    hard: Any,
    exact: dict[int, Interval] | None = None,
) -> Truths:
    """`caveat.evaluators.leaves.no_more_than_listed` of a span, and what is open without a list."""
    import numpy as np

    truth = compare_span(low, high, leaf.target)
    for row, held in (exact or {}).items():
        top = None if np.isnan(high[row]) else held.high
        truth[row] = inside(Interval(held.low, top), leaf.target)
    if leaf.negated:
        truth = (2 - truth).astype(np.int8)
    bound = leaf.target.low if leaf.negated else leaf.target.high
    if bound is not None:
        truth[(truth == 2) & (facts.completeness("orders") != 0)] = 1
    listed = facts.listed("orders")
    truth[~listed] = 1
    return alone(truth, hard & listed, "orders")


def total(leaf: SumLeaf, facts: Facts, frame: Frame) -> Truths:
    """A weighted sum over medicines; plain for weights alone and where none of them is taken."""
    key = ("sum", leaf)
    if key not in facts.memo:
        facts.memo[key] = _sum(leaf, facts)
    found: Truths = facts.memo[key]
    return found.at(frame.rows)


def _sum(leaf: SumLeaf, facts: Facts) -> Truths:
    import numpy as np

    orders = facts.orders
    weights = {name: weight.low for name, weight in leaf.weights if weight.low}
    chosen, hard = _members(facts, tuple(weights))
    at = np.flatnonzero(chosen)
    several = _of_products(orders, orders.products.several)[at]
    hard[orders.rows[at[several]]] = True
    each = dict.fromkeys(orders.products.codes[at].tolist(), Fraction(0))
    for place in each:
        names = orders.products.views[place].ingredients
        each[place] = sum((weights.get(name, Fraction(0)) for name in names), Fraction(0))
    terms = _terms(leaf, facts, at, each)
    rows = orders.rows[at]
    low, high = np.zeros(facts.count), np.zeros(facts.count)
    ends = np.array([(float(t.low or 0), _end(t.high)) for t, _, _ in terms.table]).reshape(-1, 2)
    np.add.at(low, rows, ends[terms.codes, 0])
    np.add.at(high, rows, ends[terms.codes, 1])
    hard[rows[np.array([odd for _, _, odd in terms.table], np.bool_)[terms.codes]]] = True
    vague = np.zeros(facts.count, np.bool_)
    vague[rows[np.array([open_ for _, open_, _ in terms.table], np.bool_)[terms.codes]]] = True
    doubtful = _doubtful(facts) > 0
    high[(facts.completeness("orders") == 2) | doubtful] = np.nan
    truths = _counted(leaf, facts, low, high, hard, exact=_exactly(leaf, low, high, rows, terms))
    lacking = np.where(vague, 1, 0) | np.where(doubtful | ~vague, 2, 0)
    return Truths(truths.low, truths.high, (leaf.times or "orders", "orders"), lacking)


def _end(high: Fraction | None) -> float:
    return float("nan") if high is None else float(high)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What each order adds: a place in `table`, which holds span, whether it is open, whether it is odd."""

    codes: Any
    table: list[tuple[Interval, bool, bool]]


def _terms(leaf: SumLeaf, facts: Facts, at: Any, each: dict[int, Fraction]) -> _Terms:
    import numpy as np

    orders, amounts = facts.orders, facts.known.amounts
    products = orders.products.codes
    if leaf.times is None:
        codes, inverse = np.unique(products[at], return_inverse=True)
        alone = [(Interval(each[code], each[code]), False, False) for code in codes.tolist()]
        return _Terms(inverse, alone)
    combinations = facts.combinations
    codes, first, inverse = np.unique(combinations.codes[at], return_index=True, return_inverse=True)
    dimension = parse_unit(leaf.unit).dimension
    table: list[tuple[Interval, bool, bool]] = []
    numbers = combinations.numbers(codes.tolist(), amounts)
    for place, found in zip(first.tolist(), amounts.measures(leaf.times, numbers), strict=True):
        if found is None:
            table.append((Interval(Fraction(0), None), True, True))
            continue
        odd = any(missing.fact != leaf.times for missing in found.missing)
        interval = found.interval
        if interval is None or found.dimension != dimension:
            table.append((Interval(Fraction(0), None), True, odd))
            continue
        weight = each[int(products[at[place]])]
        low = weight * (interval.low or 0)
        high = None if interval.high is None else weight * interval.high
        table.append((Interval(low, high), high is None, odd))
    return _Terms(inverse, table)


def _exactly(leaf: SumLeaf, low: Any, high: Any, rows: Any, terms: _Terms) -> dict[int, Interval]:
    """Exact sums of the patients whose sum floating point cannot tell from a bound."""
    import numpy as np

    close = compare(low, high, leaf.target)[1]
    found: dict[int, Interval] = {}
    for place in np.flatnonzero(close[rows]).tolist():
        term = terms.table[terms.codes[place]][0]
        row = int(rows[place])
        held = found.get(row, Interval(Fraction(0), Fraction(0)))
        top = None if held.high is None or term.high is None else held.high + term.high
        found[row] = Interval((held.low or Fraction(0)) + (term.low or 0), top)
    return found
