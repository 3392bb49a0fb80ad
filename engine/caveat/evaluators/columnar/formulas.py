"""The formulas of `caveat.facts.derive` on columns: least and most, from those of each input.

Each takes plain inputs: known, above zero, in the unit of the formula. NaN in a highest value is open
above. What a formula says of the inputs of one patient, `caveat.facts.derive` says exactly; here it
is as near as floating point has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.spans import Span, nothing

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Bools, Floats, Ints

    Ends = tuple[Floats, Floats]

OLDEST = 139
"""Completed years past which a clearance is judged alone."""
ROUNDED = 1e-9
"""How far the rounding of a formula can move its result."""


def at(mask: Bools, formula: Callable[..., Ends], *inputs: Any, **settings: Any) -> Span:
    """The results of a formula for the patients of `mask`, unknown for the others."""
    import numpy as np

    found = nothing(len(mask))
    places = np.flatnonzero(mask)
    if not len(places):
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = formula(
            *(one.at(places) if isinstance(one, Span) else one[places] for one in inputs), **settings
        )
        high = np.where(np.isfinite(high), high, np.nan)
        # no upper end and nothing but zero below says nothing at all
        low = np.where((low > 0) | ~np.isnan(high), low, np.nan)
    least, most = found.low.copy(), found.high.copy()
    least[places], most[places] = low, high
    return Span(least, most, found.hard, found.complete, ROUNDED)


def _or_zero(low: Floats) -> Floats:
    """A quotient by something without end is as small as it likes."""
    import numpy as np

    found: Floats = np.where(np.isnan(low), 0.0, low)
    return found


def cockcroft_gault(years: Ints, most: Ints, creatinine: Span, weight: Span, sex: Ints) -> Ends:
    """Creatinine clearance in mL/min; `sex` is 0 for men, 1 for women, -1 where it is not known."""
    import numpy as np

    low = _or_zero((140 - most) * weight.low / (72 * creatinine.high))
    high = (140 - years) * weight.high / (72 * creatinine.low)
    return low * np.where(sex == 0, 1.0, 0.85), high * np.where(sex == 1, 0.85, 1.0)


def ckd_epi(years: Ints, most: Ints, creatinine: Span, sex: Ints) -> Ends:
    """Filtration of adults in mL/min/{1.73_m2}, CKD-EPI 2021."""
    import numpy as np

    high = _ckd_epi(years, creatinine.low, sex == 1)
    low = high.copy()
    apart = np.flatnonzero((years != most) | (creatinine.low != creatinine.high))
    low[apart] = _or_zero(_ckd_epi(most[apart], creatinine.high[apart], sex[apart] == 1))
    unsaid = np.flatnonzero(sex < 0)
    if len(unsaid):
        women = np.ones(len(unsaid), np.bool_)
        other = _or_zero(_ckd_epi(most[unsaid], creatinine.high[unsaid], women))
        low[unsaid] = np.minimum(low[unsaid], other)
        other = _ckd_epi(years[unsaid], creatinine.low[unsaid], women)
        high[unsaid] = np.maximum(high[unsaid], other)
    return low, high


def _ckd_epi(age: Ints, creatinine: Floats, women: Bools) -> Floats:
    import numpy as np

    ratio = creatinine / np.where(women, 0.7, 0.9)
    power = np.where(ratio > 1, -1.2, np.where(women, -0.241, -0.302))
    aged = 0.9938 ** np.arange(int(age.max(initial=0)) + 1)
    found: Floats = 142 * ratio**power * aged[age] * np.where(women, 1.012, 1.0)
    return found


def schwartz(height: Span, creatinine: Span) -> Ends:
    """Filtration of children in mL/min/{1.73_m2}."""
    return _or_zero(0.413 * height.low / creatinine.high), 0.413 * height.high / creatinine.low


def ideal_weight(height: Span, sex: Ints) -> Ends:
    """Ideal weight in kg, by Devine; unknown where the line reaches zero."""
    import numpy as np

    low = np.where(sex == 0, 50, 45.5) + (height.low - 152.4) * (2.3 / 2.54)
    high = np.where(sex == 1, 45.5, 50) + (height.high - 152.4) * (2.3 / 2.54)
    reached = low > 0
    return np.where(reached, low, np.nan), np.where(reached, high, np.nan)


def adjusted_weight(actual: Span, ideal: Span) -> Ends:
    """Ideal weight plus 0.4 of the excess in kg, and never more than the actual weight."""
    import numpy as np

    low = np.minimum(actual.low, 0.6 * ideal.low + 0.4 * actual.low)
    return low, np.fmin(actual.high, 0.6 * ideal.high + 0.4 * actual.high)


def body_mass(height: Span, weight: Span) -> Ends:
    """Body mass index in kg/m2."""
    return _or_zero(weight.low / (height.high / 100) ** 2), weight.high / (height.low / 100) ** 2


def body_surface(height: Span, weight: Span) -> Ends:
    """Body surface in m2, by Mosteller."""
    import numpy as np

    return np.sqrt(height.low * weight.low / 3600), np.sqrt(height.high * weight.high / 3600)


def corrected_qt(qt: Span, rate: Span, *, exponent: float) -> Ends:
    """QTc in ms."""
    return qt.low * (rate.low / 60) ** exponent, qt.high * (rate.high / 60) ** exponent
