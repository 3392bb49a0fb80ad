"""Leaves that ask for a number of the patient: measured, stated or derived."""

from __future__ import annotations

from typing import Any

from caveat.compile.nodes import KnownLeaf, NumberLeaf
from caveat.dates import When
from caveat.evaluators.columnar.arrays import valid
from caveat.evaluators.columnar.facts import Facts, Frame
from caveat.evaluators.columnar.of_orders import SECONDS, current_weight, latest_number
from caveat.evaluators.columnar.ranges import compare, compare_span
from caveat.evaluators.columnar.truths import Truths, alone, plain, undecided
from caveat.facts.catalog import PATIENT_NUMBERS
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from caveat.intervals import Interval, inside
from caveat.units import parse_unit

YEAR = float(parse_unit("a").factor)
KILOGRAM = float(parse_unit("kg").factor)
MG_DL = float(parse_unit("mg/dL").factor)
ML_MIN = float(parse_unit("mL/min").factor)
OLDEST = 139
"""Completed years past which a clearance is judged alone."""

INPUTS = {
    "egfr": ("egfr", "serum_creatinine"),
    "bmi": ("bmi", "weight", "height"),
    "bsa": ("weight", "height"),
    "ideal_weight": ("height",),
    "adjusted_weight": ("height", "weight"),
    "qtc": ("qtc_interval", "qt_interval", "heart_rate"),
    "qtc_bazett": ("qt_interval", "heart_rate"),
}
"""Derived numbers that are not known at all without any of these."""


def number_leaf(leaf: NumberLeaf, facts: Facts, frame: Frame) -> Truths:
    """A number of the patient lies in a range."""
    found = _number(leaf, facts, frame)
    return found.negated() if leaf.negated else found


def _number(leaf: NumberLeaf, facts: Facts, frame: Frame) -> Truths:
    import numpy as np

    fact, rows = leaf.fact, frame.rows
    if fact == "age":
        return _age(leaf, facts, rows)
    if fact == "pump_refill_age":
        low, high, _ = _pump(facts)
        return plain(compare_span(low[rows], high[rows], leaf.target), fact)
    if fact == "gestation":
        column = facts.batch.column("gestation")
        return alone(np.ones(len(rows), np.int8), valid(column)[rows], fact)
    if fact == "creatinine_clearance":
        if leaf.pick != "latest":
            return undecided(len(rows))
        low, high, hard, _ = clearance(facts, leaf.within, leaf.using)
        truth, close = compare(low[rows], high[rows], leaf.target)
        return alone(truth, hard[rows] | close, fact)
    if fact in INPUTS:
        return alone(np.ones(len(rows), np.int8), _any_recorded(facts, INPUTS[fact])[rows], fact)
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


def _latest(leaf: NumberLeaf, facts: Facts, rows: Any) -> Truths:
    import numpy as np

    found = facts.observations.latest(leaf.fact)
    low, high, _ = latest_number(facts, leaf.fact, leaf.within)
    truth, close = compare(low[rows], high[rows], leaf.target)
    odd = (close | ~found.plain[rows]) & ~np.isnan(low[rows])
    several = odd & found.several[rows]
    scales = facts.known.scales
    for place in np.flatnonzero(odd & ~several).tolist():
        quantity = found.values.quantity(int(found.entry[rows[place]]))
        interval = None if quantity is None else scales.interval(leaf.fact, quantity)
        truth[place] = 1 if interval is None else inside(interval, leaf.target)
    return alone(truth, (found.state == 3)[rows] | several, leaf.fact)


def _extreme(leaf: NumberLeaf, facts: Facts, rows: Any) -> Truths:
    """The lowest or highest value; plain where every value is."""
    import numpy as np

    values = facts.observations.values(leaf.fact)
    lowest = leaf.pick == "lowest"
    best = np.full(facts.count, np.inf if lowest else -np.inf)
    hard = np.zeros(facts.count, np.bool_)
    taken = values.usable & values.plain
    if leaf.within is not None:
        limit = facts.as_of - leaf.within
        old = values.when.known & (values.when.last < limit)
        taken &= values.when.first >= limit
        hard[values.rows[~taken & ~old]] = True
    else:
        hard[values.rows[~taken]] = True
    join = np.minimum if lowest else np.maximum
    join.at(best, values.rows[taken], values.base[taken])
    best[~np.isfinite(best)] = np.nan
    truth, close = compare(best[rows], best[rows], leaf.target)
    return alone(truth, hard[rows] | close, leaf.fact)


def _any_recorded(facts: Facts, concepts: tuple[str, ...]) -> Any:
    import numpy as np

    found = np.zeros(facts.count, np.bool_)
    for concept in concepts:
        found |= facts.observations.latest(concept).recorded
    return found


def _age(leaf: NumberLeaf, facts: Facts, rows: Any) -> Truths:
    import numpy as np

    years, most, hard = facts.years
    if leaf.unit == "a":
        known = years[rows] >= 0
        low, high = np.where(known, years[rows] * YEAR, np.nan), most[rows] * YEAR
        return alone(compare_span(low, high, leaf.target), hard[rows], "age")
    known = years[rows] >= 0
    birth = facts.birth
    exact = birth.exact[rows] & known & ~hard[rows]
    truth = np.ones(len(rows), np.int8)
    born, inverse = np.unique(birth.first[rows[exact]], return_inverse=True)
    table = [_lived(facts, int(day), leaf.unit, leaf.target) for day in born]
    truth[exact] = np.array(table, np.int8)[inverse]
    return alone(truth, hard[rows] | (known & ~exact), "age")


def _lived(facts: Facts, born: int, unit: str, target: Interval) -> int:
    import datetime as dt

    key = ("lived", born, unit)
    if key not in facts.memo:
        when = When(dt.date.fromordinal(born).isoformat(), born, born)
        patient = Patient.model_construct(id="", birth_date=when)
        chart = Chart(patient, facts.known.terminology, as_of=facts.as_of)
        facts.memo[key] = number(chart, "age", unit).interval
    interval = facts.memo[key]
    return 1 if interval is None else int(inside(interval, target))


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


def clearance(facts: Facts, within: int | None, using: str | None) -> tuple[Any, Any, Any, Any]:
    """Creatinine clearance in base units, least and most, NaN where unknown; where it is not plain.

    As `caveat.facts.derived.creatinine_clearance` has it: measured, else Cockcroft-Gault. The last
    array says where it is known with nothing missing.
    """
    key = ("clearance", within, using)
    if key not in facts.memo:
        facts.memo[key] = _clearance(facts, within, using)
    found: tuple[Any, Any, Any, Any] = facts.memo[key]
    return found


def _clearance(facts: Facts, within: int | None, using: str | None) -> tuple[Any, Any, Any, Any]:
    import numpy as np

    own = facts.observations.latest("creatinine_clearance")
    measured, given = own.recorded, facts.observations.latest("serum_creatinine").recorded
    low, high, rough = latest_number(facts, "creatinine_clearance", within)
    # a measured value without a usable number stays unknown; one that is too old may be estimated
    stale = own.state == 1
    if within is not None:
        stale = stale & (own.when.first < facts.as_of - within)
    else:
        stale = np.zeros(facts.count, np.bool_)
    hard = measured & rough & ~stale
    later = measured & given & ~stale & (own.state == 1) & _newer(facts)
    estimate = given & (~measured | stale | later)
    complete = ~np.isnan(low)
    if not estimate.any():
        return low, high, hard, complete
    years, most, unsure = facts.years
    sex = facts.word("sex", ("male", "female"))
    least, largest, rough_creatinine = latest_number(facts, "serum_creatinine", within)
    light, heavy, rough_weight = current_weight(facts)
    odd = unsure | (most > OLDEST) | rough_creatinine | rough_weight
    if using not in (None, "actual"):
        odd = np.ones(facts.count, np.bool_)
    hard |= estimate & odd
    unit = (1 / KILOGRAM) / 72 * MG_DL * ML_MIN
    with np.errstate(divide="ignore", invalid="ignore"):
        lowest = (140 - most) * light / largest * unit * np.where(sex == 0, 1.0, 0.85)
        highest = (140 - years) * heavy / least * unit * np.where(sex == 1, 0.85, 1.0)
    # an end that is open above makes the other one 0 or open
    measured_all = ~np.isnan(least) & ~np.isnan(light)
    lowest = np.where(measured_all & np.isnan(lowest), 0.0, lowest)
    highest = np.where(np.isfinite(highest), highest, np.nan)
    # the formula is for adults: an age that may be under 18 gives nothing
    child = years < 18
    # an estimate that cannot be had leaves an older measured value standing
    taken = estimate & ~odd & ~(later & (child | np.isnan(lowest)))
    low = np.where(taken, np.where(child, np.nan, lowest), low)
    high = np.where(taken, np.where(child, np.nan, highest), high)
    return low, high, hard, np.where(taken, ~np.isnan(low) & (sex >= 0), complete)


def _newer(facts: Facts) -> Any:
    """Whether the latest creatinine is certainly of a later day than the latest measured clearance."""
    import numpy as np

    days = []
    for concept, last in (("serum_creatinine", False), ("creatinine_clearance", True)):
        values = facts.observations.values(concept)
        found = np.zeros(facts.count, np.int32)
        np.maximum.at(found, values.rows, values.when.last if last else values.when.first)
        days.append(found)
    return (days[0] > days[1]) & (days[0] > 0) & (days[1] > 0)


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
        return never, valid(facts.batch.column("gestation"))
    if fact == "creatinine_clearance":
        _, _, hard, complete = clearance(facts, None, None)
        return complete, hard
    if fact == "child_pugh_stated":
        stated = valid(facts.batch.column("child_pugh"))
        return stated | facts.observations.latest("child_pugh_score").recorded, never
    if fact == "egfr":
        return _known_egfr(facts)
    if fact in INPUTS:
        return never, _any_recorded(facts, INPUTS[fact])
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


def _known_egfr(facts: Facts) -> tuple[Any, Any]:
    """Measured, else computable: from creatinine, age and sex in an adult; in a child judged alone."""
    import numpy as np

    measured, given = facts.observations.latest("egfr"), facts.observations.latest("serum_creatinine")
    years, most, unsure = facts.years
    sex = facts.word("sex", ("male", "female"))
    estimate = given.recorded & ~measured.recorded
    usable = (given.state == 1) & (years >= 18) & (sex >= 0)
    odd = (
        unsure
        | (given.state == 3)
        | ((given.state == 1) & ~given.plain)
        | (given.several & (given.low != given.high))
    )
    odd |= (years >= 0) & (years < 18) & (most >= 1) & facts.observations.latest("height").recorded
    odd |= most > OLDEST
    hard = (measured.state == 3) | (estimate & odd)
    return np.where(estimate, usable, measured.state == 1), hard
