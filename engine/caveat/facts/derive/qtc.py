"""The QT interval corrected for heart rate."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.facts.derive.arithmetic import above_zero, informative, rounded
from caveat.intervals import Interval

_MINUTE: Final = 60


def qtc_bazett(*, qt: Interval, heart_rate: Interval) -> Interval | None:
    """QTc in ms: QT / square root of the RR interval in seconds, which is 60 / heart rate.

    `qt` in ms, `heart_rate` in /min. None when no bound can be known. Rounded to nine decimals.

    Source: Bazett HC. An analysis of the time-relations of electrocardiograms. Heart
    1920;7:353-370. Limits: overcorrects above about 100 /min and undercorrects below 60 /min.
    """
    return _corrected(qt, heart_rate, 1 / 2)


def qtc_fridericia(*, qt: Interval, heart_rate: Interval) -> Interval | None:
    """QTc in ms: QT / cube root of the RR interval in seconds, which is 60 / heart rate.

    `qt` in ms, `heart_rate` in /min. None when no bound can be known. Rounded to nine decimals.

    Source: Fridericia LS. Die Systolendauer im Elektrokardiogramm bei normalen Menschen und bei
    Herzkranken. Acta Med Scand 1920;53:469-486.
    """
    return _corrected(qt, heart_rate, 1 / 3)


def _corrected(qt: Interval, heart_rate: Interval, exponent: float) -> Interval | None:
    qt, heart_rate = above_zero("QT", qt), above_zero("heart rate", heart_rate)
    low = _point(qt.low, heart_rate.low, exponent)
    return informative(Interval(low or Fraction(0), _point(qt.high, heart_rate.high, exponent)))


def _point(qt: Fraction | None, heart_rate: Fraction | None, exponent: float) -> Fraction | None:
    if qt is None or heart_rate is None:
        return None
    return rounded(float(qt) * float(heart_rate / _MINUTE) ** exponent)
