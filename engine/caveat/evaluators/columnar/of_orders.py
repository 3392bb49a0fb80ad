"""Leaves that ask about an order."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import (
    DoseMultipleLeaf,
    IndicationLeaf,
    KnownLeaf,
    Leaf,
    OrderIsLeaf,
    OrderNumberLeaf,
)
from caveat.evaluators.columnar.arrays import Lists, combined, field, flags, lists, words
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.orders import REMOVED, Coded
from caveat.evaluators.columnar.ranges import compare, compare_span
from caveat.evaluators.columnar.truths import Truths, alone, plain, undecided
from caveat.facts.measure import Measure
from caveat.facts.numbers import WEIGHT_LIMIT_ADULT, WEIGHT_LIMIT_CHILD
from caveat.terminology.concepts import ConditionMatch
from caveat.units import parse_unit

SECONDS = 86_400.0
AMOUNTS = ("dose", "daily_dose", "strength", "frequency")
KILOGRAM = float(parse_unit("kg").factor)


def order_is(leaf: OrderIsLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property is one of some words."""
    found = _order_is(leaf, facts, frame, frame.orders(leaf.which))
    return found.negated() if leaf.negated else found


def _order_is(leaf: OrderIsLeaf, facts: Facts, frame: Frame, at: Any) -> Truths:
    import numpy as np

    orders = facts.orders
    if leaf.prop in ("ingredient", "route", "form"):
        table = [_of_product(leaf, view) for view in orders.products.views]
        return plain(np.array(table, np.int8)[orders.products.codes[at]], leaf.prop)
    if leaf.prop == "continued":
        return _continued(leaf, facts, at)
    if leaf.prop in ("purpose", "status"):
        found = orders.words(leaf.prop)
        default = "treatment" if leaf.prop == "purpose" else None
        said = [default if text in (None, "unknown") else text for text in found.texts()]
        table = [1 if word is None else 2 if word in leaf.values else 0 for word in said]
        return plain(np.array(table, np.int8)[found.codes[at]], leaf.prop)
    if leaf.prop in ("as_needed", "tapered"):
        wanted = ["true" in leaf.values, "false" in leaf.values]
        table = [2 if wanted[1] else 0, 2 if wanted[0] else 0, 1]
        return plain(np.array(table, np.int8)[flags(field(orders.items, leaf.prop))[at]], leaf.prop)
    return undecided(len(at))


def _of_product(leaf: OrderIsLeaf, view: Any) -> int:
    if leaf.prop == "ingredient":
        return 0 if set(leaf.values).isdisjoint(view.ingredients) else 2
    value = view.route if leaf.prop == "route" else view.form
    return 1 if value is None else 2 if value in leaf.values else 0


def _continued(leaf: OrderIsLeaf, facts: Facts, at: Any) -> Truths:
    """Plain for current orders and where no current one shares an ingredient; else judged alone."""
    import numpy as np

    orders = facts.orders
    shared = _shares(facts, at, np.flatnonzero(orders.current))
    products = orders.products
    routed = np.array([view.route is not None for view in products.views], np.bool_)[products.codes[at]]
    # a current order goes on by itself: TRUE where its route is known, UNKNOWN where it is not
    current = orders.current[at]
    best = np.where(current, np.where(routed, 2, 1), 0).astype(np.int8)
    truth = best if "true" in leaf.values else (2 - best).astype(np.int8)
    return alone(truth, (shared > 0) & ~current, "route")


def _shares(facts: Facts, at: Any, others: Any) -> Any:
    """How many of the patient's `others` share an ingredient with each order of `at`, itself left out."""
    import numpy as np

    orders = facts.orders
    products = orders.products
    width = len(facts.known.catalogue.names)
    several = products.several[products.codes]
    counted = np.zeros(len(at), np.int64)
    keys = orders.rows[others].astype(np.int64) * (width + 1) + products.first[products.codes[others]] + 1
    own = orders.rows[at].astype(np.int64) * (width + 1) + products.first[products.codes[at]] + 1
    single = ~several[others]
    ordered = np.sort(keys[single])
    counted = np.searchsorted(ordered, own, "right") - np.searchsorted(ordered, own, "left")
    itself = np.isin(at, others) & ~several[at]
    counted = counted - itself
    mixed = np.zeros(facts.count, np.bool_)
    mixed[orders.rows[others[several[others]]]] = True
    for place in np.flatnonzero(several[at] | mixed[orders.rows[at]]).tolist():
        mine = set(products.views[products.codes[at[place]]].ingredients)
        row = orders.rows[at[place]]
        low, high = np.searchsorted(others, orders.lists.starts[row : row + 2])
        counted[place] = sum(
            other != at[place] and not mine.isdisjoint(products.views[products.codes[other]].ingredients)
            for other in others[low:high].tolist()
        )
    return counted


def order_number(leaf: OrderNumberLeaf, facts: Facts, frame: Frame) -> Truths:
    """A number of an order lies in a range."""
    at = frame.orders(leaf.which)
    if leaf.prop in AMOUNTS:
        return by_amounts(leaf, facts, at)
    if leaf.prop in ("dose_per_weight", "daily_dose_per_weight"):
        found = _per_weight(leaf, facts, frame, at)
    elif leaf.prop in ("since_start", "since_stop", "duration"):
        low, high = _lasting(leaf.prop, facts, at)
        found = plain(compare_span(low, high, leaf.target), leaf.prop)
    elif leaf.prop == "treatment_time":
        found = _treatment_time(leaf, facts, at)
    else:
        return undecided(len(at))
    return found.negated() if leaf.negated else found


def by_amounts(leaf: Leaf, facts: Facts, at: Any) -> Truths:
    """A leaf that depends on product and amounts alone; `judge` has negated it already."""
    import numpy as np

    combinations, amounts = facts.combinations, facts.known.amounts
    codes, inverse = np.unique(combinations.codes[at], return_inverse=True)
    verdicts = amounts.verdicts(leaf, combinations.numbers(codes.tolist(), amounts))
    names = tuple(sorted({name for _, missing in verdicts for name in missing}))
    masks = [sum(1 << names.index(name) for name in missing) for _, missing in verdicts]
    truth = np.array([max(t, 0) for t, _ in verdicts], np.int8)[inverse]
    hard = np.array([t < 0 for t, _ in verdicts], np.bool_)[inverse]
    return alone(truth, hard, *names, lacking=np.array(masks, np.int64)[inverse] if names else 0)


def multiple(leaf: DoseMultipleLeaf, facts: Facts, frame: Frame) -> Truths:
    """The dose is a whole multiple of a step."""
    return by_amounts(leaf, facts, frame.orders(leaf.which))


def _per_weight(leaf: OrderNumberLeaf, facts: Facts, frame: Frame, at: Any) -> Truths:
    import numpy as np

    name = leaf.prop
    combinations, amounts = facts.combinations, facts.known.amounts
    codes, inverse = np.unique(combinations.codes[at], return_inverse=True)
    numbers = combinations.numbers(codes.tolist(), amounts)
    wanted = dict(parse_unit(leaf.unit).dimension)
    spans, fits, hard = [], [], []
    for found in amounts.measures(name.removesuffix("_per_weight"), numbers):
        low, high, odd = span(found)
        spans.append((low, high))
        powers = dict((None if found is None else found.dimension) or ())
        powers["g"] = powers.get("g", 0) - 1
        fits.append({k: v for k, v in powers.items() if v} == wanted)
        hard.append(odd)
    ends = np.array(spans, np.float64).reshape(-1, 2)
    low, high = ends[inverse, 0], ends[inverse, 1]
    light, heavy, rough = (part[frame.rows] for part in current_weight(facts))
    # the base unit of mass is the gram; a weight is kept in base units of the kilogram
    grams = 1000.0 / KILOGRAM
    with np.errstate(divide="ignore", invalid="ignore"):
        truth, close = compare(low / (heavy * grams), high / (light * grams), leaf.target)
    known = ~np.isnan(low) & ~np.isnan(heavy)
    truth[~known | ~np.array(fits, np.bool_)[inverse]] = 1
    odd = np.array(hard, np.bool_)[inverse] | (rough & ~np.isnan(low)) | (close & known)
    return alone(truth, odd, name)


def span(found: Measure | None) -> tuple[float, float, bool]:
    """Lowest and highest number, NaN for unknown and for open above; and whether it is not plain."""
    nan = float("nan")
    if found is None:
        return nan, nan, True
    interval = found.interval
    if interval is None:
        return nan, nan, False
    odd = interval.low is None or interval.low_open or interval.high_open
    if odd or interval.low is None:
        return nan, nan, True
    return float(interval.low), nan if interval.high is None else float(interval.high), False


def current_weight(facts: Facts) -> tuple[Any, Any, Any]:
    """Weight as `caveat.facts.numbers.current_weight` has it, in base units; and where it is not plain."""
    import numpy as np

    years, _, unsure = facts.years
    limit = np.where(years >= 18, WEIGHT_LIMIT_ADULT, WEIGHT_LIMIT_CHILD)
    low, high, hard = latest_number(facts, "weight", limit)
    return low, high, hard | (unsure & facts.observations.latest("weight").recorded)


def latest_number(facts: Facts, concept: str, within: Any) -> tuple[Any, Any, Any]:
    """The latest value in base units, NaN where it is unknown or too old; and where it is not plain."""
    import numpy as np

    found = facts.observations.latest(concept)
    unknown = found.state != 1
    if within is not None:
        unknown |= found.recorded & (found.when.first < facts.as_of - within)
    low, high = np.where(unknown, np.nan, found.low), np.where(unknown, np.nan, found.high)
    return low, high, (found.state == 3) | (~unknown & ~found.spanned)


def _lasting(prop: str, facts: Facts, at: Any) -> tuple[Any, Any]:
    """Lowest and highest number of seconds; NaN where the dates are not recorded."""
    import numpy as np

    orders = facts.orders
    start, stop = orders.start.at(at), orders.stop.at(at)
    if prop == "duration":
        low = np.maximum(0, stop.first - start.last).astype(np.float64)
        high = (stop.last - start.first).astype(np.float64)
        known = start.known & stop.known
    else:
        when = start if prop == "since_start" else stop
        low = np.maximum(0, facts.as_of - when.last).astype(np.float64)
        high = np.maximum(0, facts.as_of - when.first).astype(np.float64)
        known = when.known
        if prop == "since_start":
            proposed = ~known & orders.is_one_of(orders.status, ("proposed",))[at]
            low[proposed] = high[proposed] = 0.0
            known = known | proposed
    low[~known] = high[~known] = np.nan
    return low * SECONDS, high * SECONDS


def _treatment_time(leaf: OrderNumberLeaf, facts: Facts, at: Any) -> Truths:
    """Plain for the only order of an ingredient that has a whole start date; else judged alone."""
    import numpy as np

    orders = facts.orders
    others = np.flatnonzero(~orders.is_one_of(orders.status, REMOVED))
    several = _shares(facts, at, others) > 0
    low, high = _lasting("since_start", facts, at)
    removed = orders.removed[at]
    closed = facts.completeness("orders")[orders.rows[at]] == 0
    unknown = np.isnan(low)
    high = np.where(closed, high, np.nan)
    truth = compare_span(low, high, leaf.target)
    truth[unknown] = 1
    return alone(truth, several | removed, "treatment_time")


def indication(leaf: IndicationLeaf, facts: Facts, frame: Frame) -> Truths:
    """The recorded indication is in a value set."""
    import numpy as np

    at = frame.orders(leaf.which)
    held = lists(field(facts.orders.items, "indication"))
    some = held.lengths[at] > 0
    if not some.any():
        return plain(np.ones(len(at), np.int8), "indication")
    given, matches = _indications(facts, held)
    wanted = frozenset(leaf.sets)
    # 4 in a set, 2 may be or is not recognised, 1 is something else
    table = np.array(
        [4 if m.sets & wanted else 2 if m.possible & wanted or not m.recognised else 1 for m in matches],
        np.int8,
    )
    said = np.zeros(len(facts.orders.rows), np.int8)
    np.bitwise_or.at(said, held.rows, table[given])
    found = said[at]
    truth = np.where(found >= 4, 2, np.where((found == 1), 0, 1)).astype(np.int8)
    indicated = plain(truth, "indication")
    return indicated.negated() if leaf.negated else indicated


def _indications(facts: Facts, held: Lists) -> tuple[Any, list[ConditionMatch]]:
    """The concept of each recorded indication, and the value sets of each concept."""
    if "indications" not in facts.memo:
        coded, text = Coded(field(held.items, "codes")), words(field(held.items, "text"))
        each = combined(held.count, (coded.codes, coded.width), (text.codes, text.width))
        texts = text.texts()
        matches = [
            facts.known.concepts.condition((coded.at(place), texts[text.codes[place]]))
            for place in each.first.tolist()
        ]
        facts.memo["indications"] = each.codes, matches
    found: tuple[Any, list[ConditionMatch]] = facts.memo["indications"]
    return found


def known_of_order(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged order is recorded."""
    import numpy as np

    prop, at = leaf.fact.removeprefix("order."), frame.first
    orders = facts.orders
    if prop in AMOUNTS:
        return by_amounts(leaf, facts, at)
    if prop in ("route", "form"):
        table = [getattr(view, prop) is not None for view in orders.products.views]
        held = np.array(table, np.bool_)[orders.products.codes[at]]
    elif prop == "status":
        held = orders.status.codes[at] >= 0
    elif prop in ("start", "stop"):
        held = (orders.start if prop == "start" else orders.stop).known[at]
    elif prop == "indication":
        held = lists(field(orders.items, "indication")).lengths[at] > 0
    elif prop in ("since_start", "since_stop", "duration"):
        held = ~np.isnan(_lasting(prop, facts, at)[0])
    else:
        return undecided(len(at))
    found = plain(np.where(held, 2, 0))
    return found.negated() if leaf.negated else found
