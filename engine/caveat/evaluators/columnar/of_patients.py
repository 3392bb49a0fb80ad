"""Leaves that ask for a number of the patient: measured, stated or derived."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import KnownLeaf, NumberLeaf
from caveat.evaluators.columnar.arrays import valid
from caveat.evaluators.columnar.derived import derived
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.measured import Values
from caveat.evaluators.columnar.of_orders import SECONDS
from caveat.evaluators.columnar.ranges import compare, compare_span
from caveat.evaluators.columnar.said import lived
from caveat.evaluators.columnar.truths import Truths, alone, plain, undecided
from caveat.facts import gestation
from caveat.facts.catalog import PATIENT_NUMBERS
from caveat.intervals import Interval, inside
from caveat.units import parse_unit

YEAR = float(parse_unit("a").factor)
MONTH = float(parse_unit("mo").factor)


def number_leaf(leaf: NumberLeaf, facts: Facts, frame: Frame) -> Truths:
    """A number of the patient lies in a range."""
    found = _number(leaf, facts, frame)
    return found.negated() if leaf.negated else found


def _number(leaf: NumberLeaf, facts: Facts, frame: Frame) -> Truths:
    fact, rows = leaf.fact, frame.rows
    if fact == "age":
        return _age(leaf, facts, rows)
    if fact == "pump_refill_age":
        low, high, _ = _pump(facts)
        return plain(compare_span(low[rows], high[rows], leaf.target), fact)
    if fact == "gestation":
        return _gestation(leaf, facts).at(rows)
    number = derived(fact, facts, leaf.within, leaf.using)
    if number is not None:
        return number.within(leaf.target, rows, fact)
    if fact in PATIENT_NUMBERS and PATIENT_NUMBERS[fact].derived:
        return undecided(len(rows))
    concepts = facts.known.terminology.tables.observations
    if fact not in concepts and fact not in PATIENT_NUMBERS:
        if fact.endswith("_age") and fact[:-4] in concepts:
            low, high, hard = _since(facts, fact[:-4])
            return alone(compare_span(low[rows], high[rows], leaf.target), hard[rows], fact)
        return undecided(len(rows))
    if leaf.pick != "latest":
        return _extreme(leaf, facts, rows)
    return _latest(leaf, facts, rows)


def _gestation(leaf: NumberLeaf, facts: Facts) -> Truths:
    import numpy as np

    truth = np.ones(facts.count, np.int8)
    said = facts.stated("gestation", "wk")
    if said is not None:
        truth[said.rows] = said.inside(leaf.target)
    return alone(truth, _counted_on(facts), "gestation")


def _counted_on(facts: Facts) -> Any:
    """Where a length of pregnancy is counted on from what was recorded earlier."""
    import numpy as np

    if "counted on" not in facts.memo:
        found = np.zeros(facts.count, np.bool_)
        for concept in gestation.INPUTS:
            found |= facts.observations.latest(concept).recorded
        conditions = facts.conditions
        weeks = [any(gestation.week(*code[:2]) for code in codes) for codes, _ in conditions.keys]
        if any(weeks):
            found[conditions.rows[np.array(weeks, np.bool_)[conditions.concepts.codes]]] = True
        facts.memo["counted on"] = found & ~valid(facts.batch.column("gestation"))
    return facts.memo["counted on"]


def _latest(leaf: NumberLeaf, facts: Facts, rows: Any) -> Truths:
    import numpy as np

    found = facts.observations.latest(leaf.fact)
    state = found.state[rows]
    unknown = state != 1
    if leaf.within is not None:
        unknown |= found.recorded[rows] & (found.when.first[rows] < facts.as_of - leaf.within)
    low, high = np.where(unknown, np.nan, found.low[rows]), np.where(unknown, np.nan, found.high[rows])
    truth, close = compare(low, high, leaf.target)
    # what is not one number, or lies at a limit, is told exactly
    odd = np.flatnonzero((close | ~found.plain[rows]) & ~np.isnan(low))
    if len(odd):
        each = facts.observations.exact(leaf.fact, rows[odd])
        distinct = {id(one): one for one in each}
        told = {key: 1 if one is None else int(inside(one, leaf.target)) for key, one in distinct.items()}
        truth[odd] = [told[id(one)] for one in each]
    return alone(truth, state == 3, leaf.fact)


def _extreme(leaf: NumberLeaf, facts: Facts, rows: Any) -> Truths:
    """The lowest or highest value; told exactly where one is not plain, or lies at a limit."""
    import numpy as np

    values = facts.observations.values(leaf.fact)
    lowest = leaf.pick == "lowest"
    best = np.full(facts.count, np.inf if lowest else -np.inf)
    odd = np.zeros(facts.count, np.bool_)
    taken = values.usable & values.plain
    limit = None if leaf.within is None else facts.as_of - leaf.within
    kept = np.ones(len(taken), np.bool_)
    if limit is not None:
        kept = ~(values.when.known & (values.when.last < limit))
        taken &= values.when.first >= limit
    odd[values.rows[~taken & kept]] = True
    join = np.minimum if lowest else np.maximum
    join.at(best, values.rows[taken], values.base[taken])
    best[~np.isfinite(best)] = np.nan
    truth, close = compare(best[rows], best[rows], leaf.target)
    asked = odd[rows] | close
    if asked.any():
        wanted = np.zeros(facts.count, np.bool_)
        wanted[rows[asked]] = True
        entries: dict[int, list[int]] = {}
        for place in np.flatnonzero(wanted[values.rows] & kept).tolist():
            entries.setdefault(int(values.rows[place]), []).append(place)
        told = {row: _exact_extreme(leaf, facts, values, places) for row, places in entries.items()}
        truth[asked] = [told.get(row, 1) for row in rows[asked].tolist()]
    return plain(truth, leaf.fact)


def _exact_extreme(leaf: NumberLeaf, facts: Facts, values: Values, places: list[int]) -> int:
    """As `caveat.facts.observed.extreme` has it, of values none of which is certainly too old."""
    limit = None if leaf.within is None else facts.as_of - leaf.within
    usable, missing = [], False
    for place in places:
        quantity = values.quantity(place)
        held = None if quantity is None else facts.known.scales.interval(leaf.fact, quantity)
        if held is None or (limit is not None and values.when.first[place] < limit):
            missing = True
        else:
            usable.append(held)
    if not usable:
        return 1
    lows, highs = [one.low for one in usable], [one.high for one in usable]
    least, most = [end for end in lows if end is not None], [end for end in highs if end is not None]
    if leaf.pick == "lowest":
        low = None if len(least) < len(lows) or missing else min(least)
        return int(inside(Interval(low, min(most, default=None)), leaf.target))
    high = None if len(most) < len(highs) or missing else max(most)
    return int(inside(Interval(max(least, default=None), high), leaf.target))


def _age(leaf: NumberLeaf, facts: Facts, rows: Any) -> Truths:
    import numpy as np

    years, most, hard = facts.years
    if leaf.unit == "a":
        known = years[rows] >= 0
        low, high = np.where(known, years[rows] * YEAR, np.nan), most[rows] * YEAR
        return alone(compare_span(low, high, leaf.target), hard[rows], "age")
    if ("age", leaf) not in facts.memo:
        facts.memo["age", leaf] = _age_in(leaf, facts)
    found: Truths = facts.memo["age", leaf]
    return found.at(rows)


def _age_in(leaf: NumberLeaf, facts: Facts) -> Truths:
    """Age in months or days, each date of birth and each stated age judged once."""
    import numpy as np

    hard, truth = facts.years[2], np.ones(facts.count, np.int8)
    birth = facts.birth
    born = np.flatnonzero(birth.known & ~hard)
    least, most = np.maximum(0, facts.as_of - birth.last[born]), facts.as_of - birth.first[born]
    # days are exact; a month has 28 to 31 of them, which settles it for all but the few near a limit
    months = leaf.unit == "mo"
    low = np.maximum(0, least / 31 - 1) * MONTH if months else least * SECONDS
    high = (most / 28 + 1) * MONTH if months else most * SECONDS
    truth[born] = compare_span(low.astype(float), high.astype(float), leaf.target)
    born = born[truth[born] == 1] if months else born[:0]
    terminology = facts.known.terminology
    ages = [lived(born, birth.first[born], birth.last[born], leaf.unit, terminology, facts.as_of)]
    said = facts.stated("age", leaf.unit)
    for one in ages if said is None else [*ages, said]:
        truth[one.rows] = one.inside(leaf.target)
    return alone(truth, hard, "age")


def _pump(facts: Facts) -> tuple[Any, Any, Any]:
    """Seconds since the last refill, lowest and highest; and where they are known."""
    import numpy as np

    filled = facts.pump
    low = np.maximum(0, facts.as_of - filled.last) * SECONDS
    high = (facts.as_of - filled.first) * SECONDS
    known = filled.known & (filled.first <= facts.as_of)
    low, high = np.where(known, low, np.nan), np.where(known, high, np.nan)
    return low, high, known


def _since(facts: Facts, concept: str) -> tuple[Any, Any, Any]:
    """Seconds since the latest value, lowest and highest; and where it is not plain."""
    import numpy as np

    found = facts.observations.latest(concept)
    dated = found.recorded & found.when.known
    low = np.where(dated, np.maximum(0, facts.as_of - found.when.last) * SECONDS, np.nan)
    high = np.where(dated, (facts.as_of - found.when.first) * SECONDS, np.nan)
    return low, high, found.state == 3


def known_number(leaf: KnownLeaf, facts: Facts, frame: Frame) -> Truths:
    """A number of the patient is known, with nothing missing."""
    import numpy as np

    rows = frame.rows
    found = _known(leaf.fact, facts)
    if found is None:
        return undecided(len(rows))
    held, hard = found
    truths = alone(np.where(held[rows], 2, 0), hard[rows])
    return truths.negated() if leaf.negated else truths


def _known(fact: str, facts: Facts) -> tuple[Any, Any] | None:
    import numpy as np

    never = np.zeros(facts.count, np.bool_)
    if fact == "age":
        years, _, hard = facts.years
        return years >= 0, hard
    if fact == "pump_refill_age":
        return _pump(facts)[2], never
    if fact == "gestation":
        said = facts.stated(fact, "wk")
        if said is not None:
            never[said.rows] = said.known
        return never, _counted_on(facts)
    if fact == "child_pugh_stated":
        stated = valid(facts.batch.column("child_pugh"))
        return stated | facts.observations.latest("child_pugh_score").recorded, never
    number = derived(fact, facts, None)
    if number is not None:
        return number.complete, number.hard
    if fact in PATIENT_NUMBERS and PATIENT_NUMBERS[fact].derived:
        return None
    concepts = facts.known.terminology.tables.observations
    if fact in concepts or fact in PATIENT_NUMBERS:
        latest = facts.observations.latest(fact)
        return latest.state == 1, latest.state == 3
    if fact.endswith("_age") and fact[:-4] in concepts:
        low, _, hard = _since(facts, fact[:-4])
        return ~np.isnan(low), hard
    return None
