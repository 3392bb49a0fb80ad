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
from caveat.evaluators.columnar.arrays import Lists, combined, distinct, field, flags, lists, words
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.orders import Coded
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
    products = orders.products
    if leaf.prop == "ingredient":
        holds = products.holding(orders.catalogue.among(leaf.values))
        return plain(np.where(holds[products.codes[at]], 2, 0))
    if leaf.prop in ("route", "form"):
        known, codes = _words_of(leaf.prop, facts)
        held = np.array([2 if word in leaf.values else 0 for word in known] + [1], np.int8)
        return plain(held[codes[products.codes[at]]], leaf.prop)
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
        return plain(np.array(table, np.int8)[_flags(leaf.prop, facts, at)], leaf.prop)
    return undecided(len(at))


def _flags(prop: str, facts: Facts, at: Any) -> Any:
    """A yes or no of some orders: 1, 0, or -1 where it is not recorded."""
    import pyarrow as pa

    return flags(field(facts.orders.items, prop).take(pa.array(at)))


def _words_of(prop: str, facts: Facts) -> tuple[list[str | None], Any]:
    """Every route or form met so far, by its number, and the one of each product."""
    products, catalogue = facts.orders.products, facts.known.catalogue
    numbers, codes = (
        (catalogue.routes, products.routes) if prop == "route" else (catalogue.forms, products.forms)
    )
    return [word for word, number in numbers.items() if number >= 0], codes


def _continued(leaf: OrderIsLeaf, facts: Facts, at: Any) -> Truths:
    """Whether a current order has the same ingredient by the same route; an unknown route may be the same."""
    import numpy as np

    one, other = sharing(facts, at, "current")
    best = np.zeros(len(at), np.int8)
    np.maximum.at(best, one, same_route(facts, at[one], other))
    return plain(best if "true" in leaf.values else (2 - best).astype(np.int8), "route")


def same_route(facts: Facts, one: Any, other: Any) -> Any:
    """Whether orders are by the same route, as truths; an unknown route may be any."""
    import numpy as np

    products = facts.orders.products
    routes = products.routes
    first, second = routes[products.codes[one]], routes[products.codes[other]]
    same = np.where(first == second, 2, 0)
    return np.where((first < 0) | (second < 0), 1, same).astype(np.int8)


def sharing(facts: Facts, at: Any, kind: str) -> tuple[Any, Any]:
    """Each order of `at` with each of its patient's that has one of its ingredients, itself among them.

    The first by its place in `at`. `kind` says which orders are looked at: `current`, or `kept` for
    those that were not cancelled or entered in error.
    """
    import numpy as np

    orders, products = facts.orders, facts.orders.products
    one, other = orders.lists.of(orders.rows[at])
    kept = orders.current[other] if kind == "current" else ~orders.removed[other]
    one, other = one[kept], other[kept]
    own, codes = products.codes[at[one]], products.codes[other]
    same = (products.first[own] == products.first[codes]) & (products.first[own] >= 0)
    mixed = np.flatnonzero((products.several[own] | products.several[codes]) & ~same)
    if len(mixed):
        same[mixed] = orders.share(at[one[mixed]], other[mixed])
    return one[same], other[same]


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
        low, high = _treatment_time(facts, at)
        found = plain(compare_span(low, high, leaf.target), leaf.prop)
    else:
        return undecided(len(at))
    return found.negated() if leaf.negated else found


def by_amounts(leaf: Leaf, facts: Facts, at: Any) -> Truths:
    """A leaf that depends on product and amounts alone; `judge` has negated it already."""
    import numpy as np

    amounts = facts.known.amounts
    prop = getattr(leaf, "prop", getattr(leaf, "fact", ""))
    kind = "strength" if prop in ("strength", "order.strength") else "amounts"
    truth, lacking, names = amounts.verdicts(leaf, facts.combinations(kind).numbers(at, amounts))
    hard = truth < 0
    return alone(np.where(hard, 0, truth), hard, *names, lacking=lacking if names else 0)


def multiple(leaf: DoseMultipleLeaf, facts: Facts, frame: Frame) -> Truths:
    """The dose is a whole multiple of a step."""
    return by_amounts(leaf, facts, frame.orders(leaf.which))


def _per_weight(leaf: OrderNumberLeaf, facts: Facts, frame: Frame, at: Any) -> Truths:
    import numpy as np

    name = leaf.prop
    amounts = facts.known.amounts
    numbers, inverse = np.unique(facts.combinations().numbers(at, amounts), return_inverse=True)
    wanted = dict(parse_unit(leaf.unit).dimension)
    spans, fits, hard = [], [], []
    for found in amounts.measures(name.removesuffix("_per_weight"), numbers.tolist(), leaf.of):
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
        least, most = low / (heavy * grams), high / (light * grams)
    known = ~np.isnan(low) & ~np.isnan(light)
    # a weight without an upper end leaves no lower one to the quotient but 0
    least = np.where(known & np.isnan(least), 0.0, least)
    most = np.where(np.isfinite(most), most, np.nan)
    known &= (least > 0) | ~np.isnan(most)
    truth, close = compare(np.where(known, least, np.nan), most, leaf.target)
    truth[~np.array(fits, np.bool_)[inverse]] = 1
    refused = (low < 0) | (light < 0) | (heavy <= 0)
    odd = np.array(hard, np.bool_)[inverse] | ((rough | refused) & ~np.isnan(low)) | (close & known)
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

    if "weight now" not in facts.memo:
        years, _, unsure = facts.years
        limit = np.where(years >= 18, WEIGHT_LIMIT_ADULT, WEIGHT_LIMIT_CHILD)
        low, high, hard = latest_number(facts, "weight", limit)
        hard = hard | (unsure & facts.observations.latest("weight").recorded)
        facts.memo["weight now"] = low, high, hard
    found: tuple[Any, Any, Any] = facts.memo["weight now"]
    return found


def latest_number(facts: Facts, concept: str, within: Any) -> tuple[Any, Any, Any]:
    """The latest value in base units, NaN where it is unknown or too old; and where it is not plain."""
    import numpy as np

    plain_limit = within is None or isinstance(within, int)
    key = ("latest", concept, within if plain_limit else None)
    if plain_limit and key in facts.memo:
        kept: tuple[Any, Any, Any] = facts.memo[key]
        return kept
    found = facts.observations.latest(concept)
    unknown = found.state != 1
    if within is not None:
        unknown |= found.recorded & (found.when.first < facts.as_of - within)
    low, high = np.where(unknown, np.nan, found.low), np.where(unknown, np.nan, found.high)
    answer = low, high, (found.state == 3) | (~unknown & ~found.spanned)
    if plain_limit:
        facts.memo[key] = answer
    return answer


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
            proposed = ~known & orders.proposed[at]
            low[proposed] = high[proposed] = 0.0
            known = known | proposed
    low[~known] = high[~known] = np.nan
    return low * SECONDS, high * SECONDS


def _treatment_time(facts: Facts, at: Any) -> tuple[Any, Any]:
    """As `_treated`, worked out once an order."""
    import numpy as np

    count = len(facts.orders.rows)
    if "treated" not in facts.memo:
        facts.memo["treated"] = np.zeros(count, np.bool_), np.empty(count), np.empty(count)
    done, low, high = facts.memo["treated"]
    fresh = distinct(at[~done[at]])
    if len(fresh):
        low[fresh], high[fresh] = _treated(facts, fresh)
        done[fresh] = True
    return low[at], high[at]


def _treated(facts: Facts, at: Any) -> tuple[Any, Any]:
    """Lowest and highest seconds since the first order of an ingredient by one route.

    NaN in the lowest where no start is recorded, in the highest where an earlier one may be missing.
    """
    import numpy as np

    one, other = sharing(facts, at, "kept")
    alike = same_route(facts, at[one], other) > 0
    one, other = one[alike], other[alike]
    least, most = _lasting("since_start", facts, other)
    dated = ~np.isnan(least)
    low, high = np.full(len(at), -np.inf), np.full(len(at), -np.inf)
    np.maximum.at(low, one[dated], least[dated])
    np.maximum.at(high, one[dated], most[dated])
    low[np.isneginf(low)] = np.nan
    high[one[~dated]] = np.nan
    high[(facts.completeness("orders")[facts.orders.rows[at]] != 0) | np.isnan(low)] = np.nan
    return low, high


def indication(leaf: IndicationLeaf, facts: Facts, frame: Frame) -> Truths:
    """The recorded indication is in a value set."""
    import numpy as np

    at = frame.orders(leaf.which)
    held, given, matches = _indications(facts)
    which, said = held.of(at)
    truth = np.ones(len(at), np.int8)
    if len(which):
        wanted = frozenset(leaf.sets)
        # 4 in a set, 2 may be or is not recognised, 1 is something else
        table = np.array(
            [4 if m.sets & wanted else 2 if m.possible & wanted or not m.recognised else 1 for m in matches],
            np.int8,
        )
        found = np.zeros(len(at), np.int8)
        np.bitwise_or.at(found, which, table[given[said]])
        truth = np.where(found >= 4, 2, np.where((found == 1), 0, 1)).astype(np.int8)
    indicated = plain(truth, "indication")
    return indicated.negated() if leaf.negated else indicated


def _indications(facts: Facts) -> tuple[Lists, Any, list[ConditionMatch]]:
    """The recorded indications, the concept of each, and the value sets of each concept."""
    if "indications" not in facts.memo:
        held = lists(field(facts.orders.items, "indication"))
        coded, text = Coded(field(held.items, "codes")), words(field(held.items, "text"))
        each = combined(held.count, (coded.codes, coded.width), (text.codes, text.width))
        texts = text.texts()
        said = [texts[code] for code in text.codes[each.first].tolist()]
        matches = [
            facts.known.concepts.condition(key) for key in zip(coded.at(each.first), said, strict=True)
        ]
        facts.memo["indications"] = held, each.codes, matches
    found: tuple[Lists, Any, list[ConditionMatch]] = facts.memo["indications"]
    return found


def known_of_order(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths:
    """A property of the judged order is recorded."""
    import numpy as np

    prop, at = leaf.fact.removeprefix("order."), frame.first
    orders = facts.orders
    if prop in (*AMOUNTS, "as_needed", "max_per_day", "rate"):
        return by_amounts(leaf, facts, at)
    if prop in ("route", "form"):
        held = _words_of(prop, facts)[1][orders.products.codes[at]] >= 0
    elif prop == "status":
        stated = [text not in (None, "unknown") for text in orders.status.texts()]
        held = np.array(stated, np.bool_)[orders.status.codes[at]]
    elif prop == "tapered":
        held = _flags(prop, facts, at) >= 0
    elif prop in ("start", "stop"):
        held = (orders.start if prop == "start" else orders.stop).known[at]
    elif prop == "indication":
        held = _indications(facts)[0].lengths[at] > 0
    elif prop in ("since_start", "since_stop", "duration"):
        held = ~np.isnan(_lasting(prop, facts, at)[0])
    elif prop == "treatment_time":
        held = ~np.isnan(_treatment_time(facts, at)[1])
    else:
        return undecided(len(at))
    found = plain(np.where(held, 2, 0))
    return found.negated() if leaf.negated else found
