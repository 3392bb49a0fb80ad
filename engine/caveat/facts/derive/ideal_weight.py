"""Ideal body weight from height and sex."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.facts.derive.arithmetic import above_zero
from caveat.facts.derive.sexes import Sex, by_sex
from caveat.intervals import Interval

_BASE: Final = {"male": Fraction(50), "female": Fraction("45.5")}
_PER_CM: Final = Fraction("2.3") / Fraction("2.54")
_FIVE_FEET: Final = Fraction("152.4")


def ideal_weight(*, height: Interval, sex: Sex | None) -> Interval | None:
    """Ideal weight in kg: 50 (men) or 45.5 (women) + 2.3 for each inch over 60.

    `height` in cm. Under 60 inches the same line is followed downwards (150 cm in a man is
    47.8 kg), as clinical calculators do; the source states no rule there. None where the line
    reaches zero (about 97 cm in men, 102 cm in women) or a height that short is possible, and
    when no bound can be known. With the sex unknown the interval holds both results.

    Source: Devine BJ. Gentamicin therapy. Drug Intell Clin Pharm 1974;8:650-655. Limits: adults.
    """
    height = above_zero("height", height)

    def formula(which: Sex) -> Interval | None:
        low = None if height.low is None else _BASE[which] + (height.low - _FIVE_FEET) * _PER_CM
        high = None if height.high is None else _BASE[which] + (height.high - _FIVE_FEET) * _PER_CM
        if low is None or low <= 0:
            return None
        return Interval(low, high, height.low_open, height.high_open)

    return by_sex(sex, formula)
