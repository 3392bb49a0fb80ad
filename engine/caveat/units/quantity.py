"""Quantities read from text: a number, a comparator or a range, and a unit."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from caveat.errors import UnitError
from caveat.units.unit import parse_unit

_LONGEST: Final = 160
_NUMBER: Final = r"(?:[0-9]{1,30}(?:\.[0-9]{1,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2}(?![0-9]))?"
_QUANTITY: Final = re.compile(
    rf"(?P<comparator><=|>=|<|>)?\s*(?P<value>[+-]?{_NUMBER})(?P<rest>.*)", re.ASCII | re.DOTALL
)
_RANGE: Final = re.compile(
    rf"(?P<between>.*?)(?:\s*-\s*|\s+to\s+)(?P<upper>{_NUMBER})(?P<unit>(?![0-9.,]).*)", re.ASCII | re.DOTALL
)
_DIGITS: Final = re.compile(
    r"[0-9.,'_+*^]|[eE][+-]?[0-9]|\s+[0-9]{3}(?![0-9])|/[0-9]+(?:\s|$)|\s*/\s*[0-9]+\s+[A-Za-z{]", re.ASCII
)
_SIGNS: Final = str.maketrans({"\u2264": "<=", "\u2265": ">=", "\u2212": "-", "\u2013": "-", "\u2014": "-"})
_WIDEST: Final = 30
_FORM: Final = "Write a number and a unit, such as 24 mL/min, <0.3 mg/dL or 10-20 mg"


class Parsed(NamedTuple):
    """A quantity as written: `upper` is set for a range, `comparator` for a bound, never both.

    `unit` is in canonical spelling, `1` when the text has none.
    """

    value: Decimal
    comparator: str | None
    upper: Decimal | None
    unit: str


@lru_cache(maxsize=8192)
def parse_quantity(text: str) -> Parsed:
    """The quantity that `text` states.

    Raises UnitError, with how to mend it, for text that can be read two ways (a decimal comma, a
    thousands separator, a fraction), for NaN and infinity, and for an unknown unit.
    """
    if len(text) > _LONGEST:
        raise UnitError(f"a quantity of {len(text)} characters is too long. {_FORM}")
    plain = text.translate(_SIGNS).strip()
    found = _QUANTITY.fullmatch(plain)
    if found is None:
        raise UnitError(f"{text!r} is not a quantity: it does not begin with a number. {_FORM}")
    comparator, value, rest = found["comparator"], found["value"], found["rest"]
    upper = None
    between = _RANGE.fullmatch(rest)
    if between is not None and _same_unit(between["between"], between["unit"]):
        upper, rest = between["upper"], between["unit"]
    if _DIGITS.match(rest) and not re.match(r"\s+10\s*[*^]", rest):
        raise UnitError(f"{text!r} can be read in more than one way. {_ambiguity(rest)}")
    low, high = _number(text, value), None if upper is None else _number(text, upper)
    if high is not None:
        if comparator is not None:
            raise UnitError(f"{text!r} has both a comparator and a range. Keep one of them")
        if high < low:
            raise UnitError(f"{text!r} is a range whose end is below its start. Write the lower number first")
    unit = rest.strip()
    return Parsed(low, comparator, high, parse_unit(unit).text if unit else "1")


def _same_unit(between: str, unit: str) -> bool:
    """Whether a range names its unit once, or the same one twice."""
    between = between.strip()
    return not between or (bool(unit.strip()) and parse_unit(between) == parse_unit(unit))


def _number(text: str, digits: str) -> Decimal:
    value = Decimal(digits)
    if value and not -_WIDEST <= value.adjusted() <= _WIDEST:
        raise UnitError(f"{text!r} is no measured quantity: its exponent is out of reach. Check the value")
    return value


def _ambiguity(rest: str) -> str:
    if rest.startswith(","):
        return "A comma may set off decimals or thousands: write 1.5 or 1500"
    if re.match(r"\s*/", rest):
        return "Write a fraction as a decimal: 0.5 for 1/2"
    if re.match(r"[\s'_]", rest):
        return "Write thousands without a separator: 1500"
    if rest.startswith(("e", "E")):
        return "Write the number out, without an exponent of three digits or more"
    if rest.startswith("."):
        return "Write decimals with one point and a digit after it: 5 or 5.0"
    return _FORM
