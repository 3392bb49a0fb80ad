"""Derived numbers of the patients of a batch, as `caveat.facts.derived` makes them one at a time.

What cannot be told exactly in columns is marked, row by row, to be judged one record at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar import formulas
from caveat.evaluators.columnar.facts import Facts
from caveat.evaluators.columnar.of_orders import current_weight, latest_number
from caveat.evaluators.columnar.points import child_pugh
from caveat.evaluators.columnar.spans import Span, known, nothing
from caveat.intervals import Interval
from caveat.units import parse_unit

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Bools

ADULT = 18
HEIGHT_LIMIT_CHILD = 180
"""Days that a height may be old where the filtration of a child is computed from it."""


def derived(name: str, facts: Facts, within: int | None, using: str | None = None) -> Span | None:
    """A derived number of every patient, in base units; None for a name that is not one."""
    build = BY_NAME.get(name)
    if build is None:
        return None
    key = ("derived", name, within, using or "actual")
    if key not in facts.memo:
        facts.memo[key] = build(facts, within, using or "actual")
    found: Span = facts.memo[key]
    return found


def _factor(unit: str) -> float:
    return float(parse_unit(unit).factor)


def _input(facts: Facts, concept: str, unit: str, within: Any = None) -> Span:
    """The latest value of a concept in `unit` itself; what a formula refuses is hard."""
    return _refusing(latest_number(facts, concept, within), unit)


def _refusing(number: tuple[Any, Any, Any], unit: str) -> Span:
    low, high, rough = number
    found = Span(low, high, rough, known(low)).scaled(1 / _factor(unit))
    return Span(found.low, found.high, found.hard | found.impossible, found.complete)


def _weight(facts: Facts, using: str) -> Span:
    """The weight that a formula takes, in kg."""
    if using == "actual":
        return _refusing(current_weight(facts), "kg")
    found = derived(f"{using}_weight", facts, None)
    assert found is not None
    return found.scaled(1 / _factor("kg"))


def _sex(facts: Facts) -> Any:
    return facts.word("sex", ("male", "female"))


@dataclass(frozen=True, slots=True)
class _Stated:
    """A number as the record states it, in base units; `stands` where it is the answer, known or not."""

    span: Span
    stands: Bools


def _stated(facts: Facts, concept: str, within: int | None) -> _Stated:
    """As `caveat.facts.observed.latest` has it: a value too old counts as none, an unusable one does not."""
    import numpy as np

    own = facts.observations.latest(concept)
    low, high, rough = latest_number(facts, concept, within)
    old = np.zeros(facts.count, np.bool_)
    if within is not None:
        old = own.recorded & (own.when.first < facts.as_of - within)
        # of several on one day the first one says whether it is the age or the value that is at fault
        rough = rough | (old & own.several & (own.state == 2))

    def exactly(row: int) -> Interval | None:
        return facts.observations.exactly(concept, row)

    span = Span(low, high, rough, known(low), exactly=exactly)
    return _Stated(span, own.recorded & ~(old & (own.state == 1)))


def creatinine_clearance(facts: Facts, within: int | None, using: str) -> Span:
    """Measured or stated, else Cockcroft-Gault with the chosen weight; the newer of both."""
    import numpy as np

    own = _stated(facts, "creatinine_clearance", within)
    later, estimate = _to_estimate(facts, "creatinine_clearance", own)
    if not estimate.any():
        return own.span
    years, most, unsure = facts.years
    creatinine, weight = _input(facts, "serum_creatinine", "mg/dL", within), _weight(facts, using)
    odd = unsure | (most > formulas.OLDEST) | creatinine.hard | weight.hard
    asked = estimate & ~odd & (years >= ADULT) & known(creatinine.low) & known(weight.low)
    found = formulas.at(asked, formulas.cockcroft_gault, years, most, creatinine, weight, _sex(facts))
    # an estimate that cannot be had leaves an older measured value standing
    taken = estimate & ~(later & ~known(found.low))
    hard = np.where(estimate, odd, False) | own.span.hard
    return own.span.replaced(taken, found.scaled(_factor("mL/min")), hard, _sex(facts) >= 0)


def _to_estimate(facts: Facts, concept: str, own: _Stated) -> tuple[Bools, Bools]:
    """Where the creatinine is of a later day than a known stated value, and where to estimate."""
    given = facts.observations.latest("serum_creatinine").recorded
    later: Bools = own.stands & given & known(own.span.low)
    if later.any():
        later &= _newer(facts, concept)
    return later, given & (~own.stands | later)


def _newer(facts: Facts, concept: str) -> Bools:
    """Whether the latest creatinine is certainly of a later day than the latest measured value."""
    import numpy as np

    days = []
    for name, last in (("serum_creatinine", False), (concept, True)):
        values = facts.observations.values(name)
        found = np.zeros(facts.count, np.int32)
        np.maximum.at(found, values.rows, values.when.last if last else values.when.first)
        days.append(found)
    later: Bools = (days[0] > days[1]) & (days[0] > 0) & (days[1] > 0)
    return later


def egfr(facts: Facts, within: int | None, using: str) -> Span:
    """Measured or stated, else CKD-EPI 2021, or bedside Schwartz below 18; the newer of both."""
    own = _stated(facts, "egfr", within)
    later, estimate = _to_estimate(facts, "egfr", own)
    if not estimate.any():
        return own.span
    years, most, unsure = facts.years
    creatinine, sex = _input(facts, "serum_creatinine", "mg/dL", within), _sex(facts)
    odd = estimate & (unsure | creatinine.hard)
    asked = estimate & ~odd & known(creatinine.low)
    adult, child = asked & (years >= ADULT), asked & (years >= 1) & (most < ADULT)
    found = formulas.at(adult, formulas.ckd_epi, years, most, creatinine, sex)
    if child.any():
        height = _input(facts, "height", "cm", HEIGHT_LIMIT_CHILD)
        odd |= child & height.hard
        child &= ~height.hard & known(height.low)
        found = found.replaced(child, formulas.at(child, formulas.schwartz, height, creatinine), found.hard)
    found = found.scaled(_factor("mL/min/{1.73_m2}"))
    taken = estimate & ~(later & ~known(found.low))
    return own.span.replaced(taken, found, own.span.hard | odd, child | (sex >= 0))


def ideal_weight(facts: Facts, within: int | None, using: str) -> Span:
    """Devine, from height and sex."""
    height, sex = _input(facts, "height", "cm"), _sex(facts)
    asked = known(height.low) & ~height.hard
    found = formulas.at(asked, formulas.ideal_weight, height, sex).scaled(_factor("kg"))
    return nothing(facts.count).replaced(asked, found, height.hard, sex >= 0)


def adjusted_weight(facts: Facts, within: int | None, using: str) -> Span:
    """Ideal weight plus 0.4 of the excess."""
    ideal, actual = _weight(facts, "ideal"), _weight(facts, "actual")
    hard = ideal.hard | actual.hard
    asked = known(ideal.low) & known(actual.low) & ~hard
    found = formulas.at(asked, formulas.adjusted_weight, actual, ideal).scaled(_factor("kg"))
    return nothing(facts.count).replaced(asked, found, hard, ideal.complete)


def bmi(facts: Facts, within: int | None, using: str) -> Span:
    """Measured body mass index, else from weight and height."""
    own = _stated(facts, "bmi", within).span
    return _computed(own, _by_size(facts), formulas.body_mass, "kg/m2")


def bsa(facts: Facts, within: int | None, using: str) -> Span:
    """Body surface, Mosteller."""
    return _computed(nothing(facts.count), _by_size(facts), formulas.body_surface, "m2")


def qtc(facts: Facts, within: int | None, using: str) -> Span:
    """Reported QTc, else Fridericia from QT and heart rate."""
    own = _stated(facts, "qtc_interval", within).span
    return _computed(own, _electrical(facts, within), formulas.corrected_qt, "ms", exponent=1 / 3)


def qtc_bazett(facts: Facts, within: int | None, using: str) -> Span:
    """Bazett from QT and heart rate, whatever was reported."""
    own = nothing(facts.count)
    return _computed(own, _electrical(facts, within), formulas.corrected_qt, "ms", exponent=1 / 2)


def _by_size(facts: Facts) -> tuple[Span, Span]:
    return _input(facts, "height", "cm"), _weight(facts, "actual")


def _electrical(facts: Facts, within: int | None) -> tuple[Span, Span]:
    return _input(facts, "qt_interval", "ms", within), _input(facts, "heart_rate", "/min", within)


def _computed(
    own: Span, inputs: tuple[Span, Span], formula: Callable[..., Any], unit: str, **settings: float
) -> Span:
    """`own` where it is known, else what a formula makes of two inputs."""
    one, other = inputs
    wanted = ~known(own.low)
    odd = wanted & (one.hard | other.hard)
    asked = wanted & ~odd & known(one.low) & known(other.low)
    found = formulas.at(asked, formula, one, other, **settings).scaled(_factor(unit))
    return own.replaced(asked, found, own.hard | odd)


BY_NAME: dict[str, Callable[[Facts, int | None, str], Span]] = {
    "creatinine_clearance": creatinine_clearance,
    "egfr": egfr,
    "ideal_weight": ideal_weight,
    "adjusted_weight": adjusted_weight,
    "bmi": bmi,
    "bsa": bsa,
    "child_pugh_score": lambda facts, within, using: child_pugh(facts, within),
    "qtc": qtc,
    "qtc_bazett": qtc_bazett,
}
