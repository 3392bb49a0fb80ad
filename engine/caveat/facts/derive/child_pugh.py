"""The Child-Pugh score of chronic liver disease, from its five parts."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

from caveat.facts.derive.arithmetic import at_least_zero
from caveat.intervals import Interval, inside
from caveat.truth import FALSE

Ascites = Literal["none", "slight", "mild", "moderate", "severe"]

_ANY: Final = frozenset({1, 2, 3})
_ASCITES: Final = {"none": 1, "slight": 2, "mild": 2, "moderate": 3, "severe": 3}
_GRADES: Final = (Interval(high=Fraction(0)), Interval(Fraction(1), Fraction(2)), Interval(Fraction(3)))
_CLASSES: Final = {
    "A": Interval(Fraction(5), Fraction(6)),
    "B": Interval(Fraction(7), Fraction(9)),
    "C": Interval(Fraction(10), Fraction(15)),
}


def child_pugh_score(
    *,
    bilirubin: Interval | None,
    albumin: Interval | None,
    inr: Interval | None,
    ascites: Ascites | None,
    encephalopathy: Interval | int | None,
) -> Interval:
    """The points, 5 to 15; an interval when a part is unknown (None is 1 to 3 points) or within bounds.

    | points         | 1     | 2          | 3                  |
    |----------------|-------|------------|--------------------|
    | bilirubin mg/dL| < 2   | 2 to 3     | > 3                |
    | albumin g/dL   | > 3.5 | 2.8 to 3.5 | < 2.8              |
    | INR            | < 1.7 | 1.7 to 2.3 | > 2.3              |
    | ascites        | none  | slight     | moderate or severe |
    | encephalopathy | none  | grade 1, 2 | grade 3, 4         |

    A value on a boundary takes the middle points. `encephalopathy` is a grade from 0 to 4.
    ValueError for a negative value, an unknown word or a grade outside 0 to 4.

    Source: Pugh RNH et al. Transection of the oesophagus for bleeding oesophageal varices. Br J
    Surg 1973;60:646-649, which grades the prothrombin time by seconds prolonged (1 to 4, 4 to 6,
    over 6); INR of 1.7 and 2.3 in its place is common practice. Limits: cirrhosis. The source's
    other bilirubin limits for primary biliary cholangitis are not applied.
    """
    parts = (
        _points("bilirubin", bilirubin, Fraction(2), Fraction(3)),
        frozenset(4 - points for points in _points("albumin", albumin, Fraction("2.8"), Fraction("3.5"))),
        _points("INR", inr, Fraction("1.7"), Fraction("2.3")),
        _ascites(ascites),
        _encephalopathy(encephalopathy),
    )
    return Interval(Fraction(sum(min(part) for part in parts)), Fraction(sum(max(part) for part in parts)))


def child_pugh_class(points: Interval) -> frozenset[str]:
    """The classes that the points allow: A is 5 to 6, B 7 to 9, C 10 to 15.

    Every class for points that are unknown. ValueError when no point from 5 to 15 is possible.
    """
    possible = frozenset(name for name, limits in _CLASSES.items() if _meets(points, limits))
    if not possible:
        raise ValueError("a Child-Pugh score lies from 5 to 15 points. Check the score")
    return possible


def _points(name: str, value: Interval | None, middle: Fraction, high: Fraction) -> frozenset[int]:
    """The points a value can have, rising from 1 to 3."""
    if value is None:
        return _ANY
    value = at_least_zero(name, value)
    bands = (
        Interval(None, middle, high_open=True),
        Interval(middle, high),
        Interval(high, None, low_open=True),
    )
    return frozenset(points for points, band in enumerate(bands, 1) if inside(value, band) != FALSE)


def _ascites(grade: Ascites | None) -> frozenset[int]:
    if grade is None:
        return _ANY
    if grade not in _ASCITES:
        raise ValueError(f"ascites is {grade!r}. Write one of {', '.join(_ASCITES)}, or None for unknown")
    return frozenset({_ASCITES[grade]})


def _encephalopathy(grade: Interval | int | None) -> frozenset[int]:
    if grade is None:
        return _ANY
    if not isinstance(grade, Interval):
        grade = Interval(Fraction(grade), Fraction(grade))
    possible = frozenset(points for points, band in enumerate(_GRADES, 1) if _meets(grade, band))
    if (
        not possible
        or (grade.low is not None and grade.low < 0)
        or (grade.high is not None and grade.high > 4)
    ):
        raise ValueError("a grade of encephalopathy is a whole number from 0 to 4. Check the grade")
    return possible


def _meets(value: Interval, band: Interval) -> bool:
    return inside(value, band) != FALSE
